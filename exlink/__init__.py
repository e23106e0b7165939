"""exlink links employees' experience to customers' experience, interaction by interaction.

The package is four floors; imports go only downwards (ARCHITECTURE.md):
``data`` and ``stats`` at the bottom, ``steps`` above them, ``publish`` beside the steps
(it knows nothing of models), and ``cli`` on top.
"""

__version__ = "0.1.0"
