"""exlink links employees' experience to customers' experience, interaction by interaction.

The package is four floors; imports go only downwards (ARCHITECTURE.md):
``data`` and ``stats`` at the bottom, ``steps`` above them, ``publish`` beside the steps
(it knows nothing of models), and ``cli`` on top.
"""

import os

# One thread for linear algebra, unless the user says otherwise, so that sums keep their order and a number repeats to
# its last digit. The matrices here are small: more threads would also be slower. Must come before numpy is imported.
for _library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_library, "1")

__version__ = "0.1.0"
