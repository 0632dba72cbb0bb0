"""The training step of `benchmarks.step` in eager PyTorch; needs torch."""

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-8


def _weights(size, inputs, maps, pooled):
    """He-initialised [(kernel, bias)] of the convolutions and the classifier."""
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    layers, side = [], size
    for i, outputs in enumerate(maps):
        layers.append((outputs, inputs, 3, 3))
        inputs, side = outputs, side - 2
        side = side // 2 if i in pooled else side
    layers.append((10, inputs * side * side))
    return [(torch.randn(shape, generator=generator)
             * (2 / np.prod(shape[1:])) ** 0.5, torch.zeros(shape[0]))
            for shape in layers]


def _posterior(kernel, method):
    """What the method trains beside a kernel."""
    if method == 'none':
        return {}
    if method == 'sparse_vd':
        return {'log_sigma2': torch.full_like(kernel, -10.0)}
    groups = kernel.shape[1] if kernel.ndim == 2 else kernel.shape[0]
    return {'log_sigma2': torch.full_like(kernel, -9.0),
            'group_mean': torch.ones(groups),
            'group_log_sigma2': torch.full((groups,), -9.0)}


def _linear(x, kernel, bias=None):
    return F.linear(x, kernel, bias) if kernel.ndim == 2 else F.conv2d(x, kernel, bias)


def _scale(x, aux):
    """A Gaussian scale per example and group."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    noise = torch.randn(x.shape[:2]).reshape(x.shape[:2] + (1,) * (x.ndim - 2))
    spread = torch.sqrt(aux['group_log_sigma2'].exp() + EPSILON)
    return x * (aux['group_mean'].reshape(shape) + spread.reshape(shape) * noise)


def _layer(x, kernel, bias, aux):
    """A stochastic layer by local reparametrisation."""
    if not aux:
        return _linear(x, kernel, bias)
    grouped, dense = 'group_mean' in aux, kernel.ndim == 2
    x = _scale(x, aux) if grouped and dense else x
    mean = _linear(x, kernel)
    log_sigma2 = aux['log_sigma2']
    if grouped:
        log_sigma2 = log_sigma2.clamp(max=float(np.log(0.04)))
    variance = _linear(x * x, log_sigma2.exp())
    y = mean + torch.sqrt(variance + EPSILON) * torch.randn_like(mean)
    y = _scale(y, aux) if grouped and not dense else y
    return y + bias.reshape((1, -1) + (1,) * (y.ndim - 2))


def _log_uniform_kl(log_alpha):
    k1, k2, k3 = 0.63576, 1.87320, 1.48695
    return (k1 - k1 * torch.sigmoid(k2 + k3 * log_alpha)
            + 0.5 * F.softplus(-log_alpha)).sum()


def _penalty(kernel, aux):
    """KL divergence of one layer."""
    if not aux:
        return 0.0
    if 'group_mean' not in aux:
        log_alpha = aux['log_sigma2'] - torch.log(kernel * kernel + EPSILON)
        return _log_uniform_kl(log_alpha.clamp(-8, 8))
    log_sigma2 = aux['log_sigma2'].clamp(max=float(np.log(0.04)))
    normal = 0.5 * (log_sigma2.exp() + kernel * kernel - 1 - log_sigma2)
    log_alpha = aux['group_log_sigma2'] - torch.log(
        aux['group_mean'].square() + EPSILON)
    return normal.sum() + _log_uniform_kl(log_alpha.clamp(-20, 8))


def _logits(x, layers, pooled):
    for i, (kernel, bias, aux) in enumerate(layers[:-1]):
        x = F.relu(_layer(x, kernel, bias, aux))
        x = F.max_pool2d(x, 2) if i in pooled else x
    return _layer(x.flatten(1), *layers[-1])


def steps(data, maps, pooled, method, batch, threads, compiled=False):
    """A call that runs one epoch; Adam with two rates, one tensor list each.

    On an accelerator where torch has one; `compiled` by `torch.compile`.
    """
    torch.set_num_threads(threads)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.set_default_device(device)
    x = torch.from_numpy(data[0]).to(device).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(data[1]).to(device).long()
    layers = [(kernel.requires_grad_(), bias.requires_grad_(),
               {k: v.requires_grad_() for k, v in _posterior(kernel, method).items()})
              for kernel, bias in _weights(x.shape[2], x.shape[1], maps, pooled)]
    own = [t for kernel, bias, _ in layers for t in (kernel, bias)]
    aux = [t for *_, extra in layers for t in extra.values()]
    groups = [{'params': own, 'lr': 1e-3}, {'params': aux, 'lr': 1e-2}]
    optimizer = torch.optim.Adam(groups[: 1 + bool(aux)])

    def loss_of(images, labels):
        loss = F.cross_entropy(_logits(images, layers, pooled), labels)
        return loss + sum(_penalty(k, a) for k, _, a in layers) / len(x)

    if compiled:
        # Sizes of an earlier call would make those of this one dynamic.
        torch.compiler.reset()
        loss_of = torch.compile(loss_of, dynamic=False)

    def run():
        for rows in torch.randperm(len(x)).reshape(-1, batch):
            optimizer.zero_grad()
            loss = loss_of(x[rows], labels[rows])
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    return run
