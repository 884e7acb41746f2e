"""Ctrl-C while weights are read is Ctrl-C, and nothing else."""

import numpy as np
import pytest

from tokenlab.errors import StorageError
from tokenlab.models import weights


def test_an_interrupt_goes_through_although_views_are_left(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(64))
    kept = []

    def read():
        with weights.mapped(path) as data:
            kept.append(np.frombuffer(data, np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read()
    assert not kept[0].any()


def test_without_views_the_file_is_closed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(64))
    with weights.mapped(path) as data:
        assert len(data) == 64
    with pytest.raises(ValueError, match="closed"):
        _ = data[0]
    with pytest.raises(StorageError, match="cannot be read"), weights.mapped(tmp_path / "none"):
        pass
