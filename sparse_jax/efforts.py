"""How much trouble XLA takes with a program, as options of its compiler for a CPU.

Compiling takes longer than what many programs of a search compute. The options decide
how results round, so that they may depend on nothing but what a study stores.
"""

Effort = dict[str, str | bool]

CHEAP: Effort = {
    'xla_backend_optimization_level': '0', 'xla_cpu_use_fusion_emitters': False}
"""Compiles in a third of the time; for what runs once per training. Gradients of noisy
networks are NaN at this level (jaxlib 0.10.2)."""
PLAIN: Effort = {'xla_cpu_use_fusion_emitters': False}
"""Compiles in two thirds of the time; steps of small images take a quarter longer."""
