"""atrous: DeepLabv3 and DeepLabv3+ for PyTorch.

The public names stand in `__init__.pyi`, once, each with its module. They are imported when they are first used, so
that neither `import atrous.labels` nor `atrous --help` loads torch.
"""

import lazy_loader

from atrous.version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
