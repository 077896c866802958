"""Reader of MATLAB files by scipy (extra ``matlab``), as plain Python values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jpegmend.errors import ModelRefused, WeightsDamaged, extra_needed
from jpegmend.weights.foreign import check_size


def read_matlab(file: Path) -> dict[str, Any]:
    """The variables of a ``.mat`` file: structs as dicts, cells as lists, the rest as arrays and texts.

    Raises:
        MissingExtra: scipy is not installed.
        ModelRefused: more than 1 GiB, or a file of MATLAB 7.3, which is HDF5.
        WeightsDamaged: no MATLAB file.
    """
    with extra_needed("MATLAB files", "matlab"):
        from scipy.io import loadmat
    try:
        check_size(file.stat().st_size, file.name)
        found = loadmat(str(file), simplify_cells=False)
    except ModelRefused:
        raise
    except NotImplementedError as error:
        raise ModelRefused(f"{file.name} is of MATLAB 7.3; save it again in MATLAB by save(..., '-v7')") from error
    except OSError as error:
        raise WeightsDamaged(f"{file} cannot be read: {error}") from error
    except Exception as error:  # scipy's readers raise errors of several families on broken files
        raise WeightsDamaged(f"{file.name} is no MATLAB file: {error}; fetch it again") from error
    return {name: _plain(value) for name, value in found.items() if not name.startswith("__")}


def _plain(value: Any) -> Any:
    """A struct as a dict, a cell as a list, a text as ``str``, any other array as it is."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        if value.size != 1:
            return [{name: _plain(one[name]) for name in value.dtype.names} for one in value.ravel()]
        return {name: _plain(value.ravel()[0][name]) for name in value.dtype.names}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_plain(one) for one in value.ravel()]
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return str(value.ravel()[0]) if value.size else ""
    return value
