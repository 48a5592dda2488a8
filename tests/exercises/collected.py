"""All answers that stand in the files beside this one."""

import importlib
from pathlib import Path

RIGHT, WRONG = {}, {}
for _path in sorted(Path(__file__).parent.glob("answers_*.py")):
    _module = importlib.import_module(_path.stem)
    RIGHT |= _module.RIGHT
    WRONG |= _module.WRONG
