"""safetensors, the format: u64 little-endian header length | JSON header | data.
Header: {"name": {"dtype", "shape", "data_offsets": [from, to]}, "__metadata__": {str: str}}; offsets count from the data's start.
Names sorted, data in the same order without gaps, header padded with spaces to 8 bytes."""
import json
import pathlib
import struct

import numpy as np

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
DTYPE = {"F64": "<f8", "F32": "<f4", "I32": "<i4"}


def write(path, arrays, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name in sorted(arrays):
        a = np.asarray(arrays[name])
        dtype = next(d for d, code in DTYPE.items() if a.dtype == np.dtype(code))     # no silent conversion
        raw = a.astype(DTYPE[dtype]).tobytes()
        assert len(data) % a.itemsize == 0, name + " would not be aligned"
        header[name] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    raw = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:start])
    metadata = header.pop("__metadata__", {})
    arrays = {name: np.frombuffer(raw[start + h["data_offsets"][0]:start + h["data_offsets"][1]],
                                  DTYPE[h["dtype"]]).reshape(h["shape"]) for name, h in header.items()}
    return arrays, metadata
