"""Reads what this package writes with the real TensorBoard: its Python reader, then its server with both loaders.

    npm run build -w tensorboard-logger-ts
    python3 -m venv venv && venv/bin/pip install tensorboard
    venv/bin/python packages/tensorboard-logger-ts/scripts/verify-with-tensorboard.py

Not part of the unit tests. Needs no network once tensorboard is installed. Prints one line per check.
"""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2

HERE = pathlib.Path(__file__).parent
PNG = b"\x89PNG\r\n\x1a\n"
# Requests to the own machine must not take a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def check(name, got, expected):
    if got != expected:
        sys.exit(f"FAILED {name}: expected {expected!r}, got {got!r}")
    print(f"ok     {name}")


def check_bytes(run):
    """Parsing and serializing again with protobuf itself must give the same bytes: ours are canonical."""
    count = 0
    for file in sorted(run.iterdir()):
        data = file.read_bytes()
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            record = data[at + 12 : at + 12 + length]
            event = event_pb2.Event.FromString(record)
            if event.SerializeToString(deterministic=True) != record:
                sys.exit(f"FAILED canonical bytes at {at} of {file}: {record.hex()}")
            at += 16 + length
            count += 1
    print(f"ok     {count} records are canonical protobuf")


def check_accumulator(run):
    accumulator = event_accumulator.EventAccumulator(str(run))
    accumulator.Reload()
    losses = [event.step for event in accumulator.Scalars("loss")]
    check("EventAccumulator: no step twice after the resume", losses, list(range(25)))
    bins = accumulator.Tensors("weights")[0].tensor_proto
    check("EventAccumulator: histogram", (len(bins.double_val), sum(bins.double_val[2::3])), (90, 5.0))
    images = accumulator.Tensors("grid")[0].tensor_proto.string_val
    check("EventAccumulator: images", [images[0], images[1]] + [image[:8] for image in images[2:]], [b"8", b"8"] + 3 * [PNG])
    check("EventAccumulator: text", accumulator.Tensors("rows")[0].tensor_proto.string_val, [b"one", b"two"])


def check_server(logdir, fast):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", str(port)]
    command += ["--load_fast", fast, "--reload_interval", "1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ask = lambda path, **query: get(port, path, query)
        wait_for(lambda: "loss" in ask("scalars/tags").get("run", {}))
        name = f"server --load_fast={fast}:"
        losses = ask("scalars/scalars", run="run", tag="loss")
        check(f"{name} scalars, no step twice", [point[1] for point in losses], list(range(25)))
        check(f"{name} scalar value", losses[3][2], 0.25)
        odd = ask("scalars/scalars", run="run", tag="odd")
        check(f"{name} NaN, infinity, step 2^33", [point[1:] for point in odd], [[0, "NaN"], [1, "Infinity"], [2**33, -1.5]])
        weights = ask("histograms/histograms", run="run", tag="weights")
        check(f"{name} histogram", sum(row[2] for row in weights[0][2]), 5.0)
        images = ask("images/images", run="run", tag="grid", sample=2)
        picture = fetch(port, "images/individualImage?" + images[0]["query"])
        check(f"{name} image", picture[:8], PNG)
        text = ask("text/text", run="run", tag="notes")[0]["text"]
        check(f"{name} text is rendered", "<strong>b</strong> é" in text, True)
        check(f"{name} table of text", "<td>" in ask("text/text", run="run", tag="rows")[0]["text"], True)
        experiment = ask("hparams/experiment", body={"experimentName": ""})
        names = sorted(info["name"] for info in experiment["hparamInfos"])
        check(f"{name} hyper-parameters", names, ["lr", "nesterov", "optimizer", "width"])
        body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]}
        body |= {"colParams": [], "startIndex": 0, "sliceSize": 10}
        group = ask("hparams/session_groups", body=body)["sessionGroups"][0]
        check(f"{name} session values", group["hparams"], {"lr": 0.01, "nesterov": True, "optimizer": "adam", "width": 64.0})
        check(f"{name} session status", group["sessions"][0]["status"], "STATUS_FAILURE")
        metrics = [(metric["name"]["tag"], metric["value"]) for metric in group["metricValues"]]
        check(f"{name} session metric", metrics, [("val/accuracy", 0.75)])
    finally:
        server.terminate()
        server.wait()


def get(port, path, query):
    body = query.pop("body", None)
    if body is None:
        return json.loads(fetch(port, path + "?" + urllib.parse.urlencode(query)))
    return json.loads(fetch(port, path, json.dumps(body).encode()))


def fetch(port, path, body=None):
    headers = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/data/plugin/{path}", body, headers)
    return OPENER.open(request, timeout=30).read()


def wait_for(ready):
    deadline = time.time() + 60
    while time.time() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit("FAILED TensorBoard did not serve the run within 60 seconds")


with tempfile.TemporaryDirectory() as logdir:
    run = pathlib.Path(logdir) / "run"
    subprocess.run(["node", str(HERE / "write-sample.mjs"), str(run)], check=True)
    check_bytes(run)
    check_accumulator(run)
    check_server(logdir, "true")
    check_server(logdir, "false")
