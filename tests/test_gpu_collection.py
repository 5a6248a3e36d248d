"""`pytest -m gpu` on a machine that has neither the test-only libraries nor the package installed."""

import os
import subprocess
import sys
from pathlib import Path

ORACLES = (
    "ai_edge_litert",
    "onnxruntime",
    "openvino",
    "playwright",
    "pycocotools",
    "scipy",
    "tifffile",
    "torchmetrics",
)


def test_gpu_tests_are_collected_without_the_libraries_of_other_tests(tmp_path):
    for name in (*ORACLES, "transformers"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('no {name} on this machine')\n")
    root = Path(__file__).resolve().parents[1]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root / 'src'}"}
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "--collect-only", str(root / "tests")]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    for name in ("test_accelerator", "test_cross_entropy_triton", "test_upsample_argmax_triton", "test_predictor"):
        assert f"{name}.py" in done.stdout
    assert "test_metrics" not in done.stdout
