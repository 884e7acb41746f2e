"""What the real models may cost: memory while loading, a cache that is shared."""

import subprocess
import sys

import numpy as np
import pytest

from tokenlab import models
from tokenlab.models import loading

# A child's ru_maxrss begins with what its parent held; VmHWM begins with the child itself.
LOAD = """
from tokenlab import models
models.load("smollm2")
(line,) = [x for x in open("/proc/self/status") if x.startswith("VmHWM")]
print(int(line.split()[1]) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif(models.find("smollm2") is None, reason="needs SmolLM2")
def test_loading_smollm2_needs_little_more_than_what_stays():
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 650  # MB, of which 540 stay


WRITE = """
import sys
from pathlib import Path
import numpy as np
from tokenlab.models import loading
params = {"layers": [{"up": np.arange(60000.0).reshape(200, 300).T} for _ in range(4)]}
folder, found = Path(sys.argv[1]), 0
for i in range(40):
    got = loading.cached("minilm", folder, lambda: params)
    found += all(np.array_equal(a["up"], b["up"]) for a, b in zip(got["layers"], params["layers"]))
    for file in folder.glob("*.arrays"):
        file.unlink(missing_ok=True)
print(found)
"""


def test_two_processes_at_once_lose_nothing(tmp_path):
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["40", "40"]
    assert not list(tmp_path.glob("*.tmp"))  # drafts are renamed or removed


def test_a_full_disk_costs_the_cache_alone(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loading.os, "replace", full)
    params = {"up": np.ones((2, 3), np.float32)}
    got = loading.cached("minilm", tmp_path, lambda: params)
    np.testing.assert_array_equal(got["up"], params["up"])
    assert not list(tmp_path.iterdir())
