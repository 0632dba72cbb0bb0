"""What costs are called and how they are written."""

from typing import NamedTuple

from sparse_jax.objectives.goals import Objectives


class Label(NamedTuple):
    """What a cost is called and how it is written."""

    column: str
    title: str
    unit: str
    form: str = '.0f'

    def text(self, value: float) -> str:
        """The value with its unit."""
        return f'{value:{self.form}} {self.unit}'.rstrip()


LABELS = {
    'model_size': Label('size', 'model size', 'B'),
    'working_memory': Label('memory', 'working memory', 'B'),
    'macs': Label('MACs', 'multiply-accumulates', 'MACs'),
    'flash': Label('flash', 'flash', 'B'),
    'ram': Label('RAM', 'RAM', 'B'),
    'instructions': Label('instr.', 'instructions', 'instructions'),
    'latency': Label('ms', 'latency', 'ms', '.2f'),
}


def limits_text(objectives: Objectives) -> str:
    """'2048 B and 2048 B': the soft bounds of all costs."""
    parts = [LABELS[name].text(most)
             for name, most in zip(objectives.names[1:], objectives.bounds[1:])]
    return ' and '.join(parts)
