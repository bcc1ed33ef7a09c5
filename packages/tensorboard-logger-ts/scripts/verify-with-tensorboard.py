"""Reads what this package writes with the real TensorBoard: its Python reader, then its server with both loaders.

`npm run test:tensorboard` makes the Python environment, runs this and then takes pictures of the tabs. By hand:

    npm run build -w tensorboard-logger-ts
    python3 -m venv venv && venv/bin/pip install tensorboard
    venv/bin/python packages/tensorboard-logger-ts/scripts/verify-with-tensorboard.py

Not part of the unit tests. Needs no network once tensorboard is installed. Prints one line per check.
"""

import io
import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import wave

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2
from tensorboard.util import tensor_util

HERE = pathlib.Path(__file__).parent
PNG = b"\x89PNG\r\n\x1a\n"
# Requests to the own machine must not take a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def check(name, got, expected):
    if got != expected:
        sys.exit(f"FAILED {name}: expected {expected!r}, got {got!r}")
    print(f"ok     {name}")


def check_tensor_scalars(run):
    accumulator = event_accumulator.EventAccumulator(str(run), size_guidance={"tensors": 0})
    accumulator.Reload()
    values = [tensor_util.make_ndarray(event.tensor_proto).item() for event in accumulator.Tensors("loss")]
    check("EventAccumulator: scalars as tensors", [values[0], values[3]], [2.0, 0.5])


def check_bytes(run):
    """Parsing and serializing again with protobuf itself must give the same bytes: ours are canonical."""
    count = 0
    for file in sorted(run.glob("**/*tfevents*")):
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
    curve = tensor_util.make_ndarray(accumulator.Tensors("pr")[0].tensor_proto)
    check("EventAccumulator: PR curve", (curve.shape, curve[0][0], curve[1][0]), ((6, 127), 67.0, 133.0))
    faces = tensor_util.make_ndarray(accumulator.Tensors("tetrahedron_FACE")[0].tensor_proto)
    check("EventAccumulator: mesh", faces.tolist(), [[[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]])
    with wave.open(io.BytesIO(accumulator.Tensors("tone")[0].tensor_proto.string_val[0])) as sound:
        got = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth(), sound.getnframes())
    check("EventAccumulator: sound, by Python's wave", got, (8000, 1, 2, 4000))
    nodes = {node.name: list(node.input) for node in accumulator.Graph().node}
    check("EventAccumulator: graph", nodes["net/sum"], ["net/logits", "net/skip"])
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
        about = ask("scalars/tags")["run"]["loss"]
        described = (about["displayName"], "<strong>mean</strong>" in about["description"])
        check(f"{name} display name and description", described, ("Loss", True))
        other = ask("scalars/scalars", run="other", tag="loss")
        check(f"{name} scalars as tensors", [other[3][1:], len(other)], [[3, 0.5], 25])
        check(f"{name} sub-run", len(ask("scalars/scalars", run="run/val", tag="loss")), 25)
        binned = ask("histograms/histograms", run="run", tag="binned")
        check(f"{name} histogram counted before", sum(row[2] for row in binned[0][2]), 7.0)
        check(f"{name} distributions", len(ask("distributions/distributions", run="run", tag="drifting")), 5)
        check_plugins(name, port, ask)
        text = ask("text/text", run="run", tag="notes")[0]["text"]
        check(f"{name} text is rendered", "<strong>b</strong> é" in text, True)
        check(f"{name} table of text", "<td>" in ask("text/text", run="run", tag="rows")[0]["text"], True)
        table = ask("text/text", run="run", tag="classes")[0]["text"]
        check(f"{name} Markdown table", ("<th>class</th>" in table, "d|g" in table), (True, True))
        experiment = ask("hparams/experiment", body={"experimentName": ""})
        names = sorted(info["name"] for info in experiment["hparamInfos"])
        check(f"{name} hyper-parameters", names, ["lr", "nesterov", "optimizer", "width"])
        body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]}
        body |= {"colParams": [], "startIndex": 0, "sliceSize": 10}
        groups = ask("hparams/session_groups", body=body)["sessionGroups"]
        check(f"{name} two runs to compare", len(groups), 2)
        group = next(group for group in groups if group["hparams"]["optimizer"] == "adam")
        check(f"{name} session values", group["hparams"], {"lr": 0.01, "nesterov": True, "optimizer": "adam", "width": 64.0})
        check(f"{name} session status", group["sessions"][0]["status"], "STATUS_FAILURE")
        metrics = [(metric["name"]["tag"], metric["value"]) for metric in group["metricValues"]]
        check(f"{name} session metric", metrics, [("val/accuracy", 0.75)])
        check_live(name, logdir, ask)
    finally:
        server.terminate()
        server.wait()


def check_plugins(name, port, ask):
    curve = ask("pr_curves/pr_curves", run="run", tag="pr")["run"]
    check(f"{name} PR curves", [(entry["step"], entry["recall"][0]) for entry in curve], [(0, 1.0), (1, 1.0)])
    sound = ask("audio/audio", run="run", tag="tone", sample=0)[0]
    got = (sound["contentType"], fetch(port, "audio/individualAudio?" + sound["query"])[:4])
    check(f"{name} sound", got, ("audio/wav", b"RIFF"))
    meshes = ask("mesh/meshes", run="run", tag="tetrahedron", sample=0)
    check(f"{name} mesh", sorted(part["content_type"] for part in meshes), [1, 2, 3])
    query = urllib.parse.urlencode({"run": "run", "tag": "tetrahedron", "sample": 0, "content_type": "VERTEX", "step": 0})
    vertices = struct.unpack("<12f", fetch(port, "mesh/data?" + query))
    check(f"{name} mesh data", vertices, (0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1))
    layout = ask("custom_scalars/layout")["category"][0]
    check(f"{name} custom scalars", [chart["title"] for chart in layout["chart"]], ["losses", "band"])
    check(f"{name} graph there", ask("graphs/info")["run"]["run_graph"], True)
    graph = fetch(port, "graphs/graph?run=run&conceptual=false").decode()
    check(f"{name} graph", ('name: "net/hidden"' in graph, graph.count("node {")), (True, 5))
    check(f"{name} embedding", ask("projector/info", run="run")["embeddings"][0]["tensorShape"], [60, 4])
    tensor = fetch(port, "projector/tensor?run=run&name=spiral%3A0")
    first = struct.unpack("<4f", tensor[:16])
    expected = struct.unpack("<4f", struct.pack("<4f", 1, 0, 0, 0.1))
    check(f"{name} embedding vectors", (len(tensor), first), (60 * 4 * 4, expected))
    labels = fetch(port, "projector/metadata?run=run&name=spiral%3A0").decode().splitlines()
    check(f"{name} embedding labels", labels[:2], ["name\tthird", "point 0\t0"])
    check(f"{name} sprite", fetch(port, "projector/sprite_image?run=run&name=spiral%3A0")[:8], PNG)


def check_live(name, logdir, ask):
    """A run that begins while TensorBoard watches; with a reload interval of 1 s, and time for a busy machine."""
    run = f"live-{time.time_ns()}"
    writer = subprocess.Popen(["node", str(HERE / "write-live.mjs"), str(pathlib.Path(logdir) / run)], stdout=subprocess.PIPE)
    try:
        writer.stdout.readline()
        start = time.time()
        wait_for(lambda: "live" in ask("scalars/tags").get(run, {}) and len(ask("scalars/scalars", run=run, tag="live")) == 10)
        waited = time.time() - start
        check(f"{name} a run being written appears ({waited:.1f} s, interval 1 s)", waited < 10, True)
    finally:
        writer.kill()
        writer.wait()


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
        time.sleep(0.1)
    sys.exit("FAILED TensorBoard did not serve the run within 60 seconds")


with tempfile.TemporaryDirectory() as logdir:
    run = pathlib.Path(logdir) / "run"
    subprocess.run(["node", str(HERE / "write-sample.mjs"), logdir], check=True)
    check_bytes(pathlib.Path(logdir))
    check_tensor_scalars(pathlib.Path(logdir) / "other")
    check_accumulator(run)
    check_server(logdir, "true")
    check_server(logdir, "false")
