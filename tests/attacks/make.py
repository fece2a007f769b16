"""Writes the hostile files of this folder, with nothing but Python's own library:
`python3 make.py` in this folder. README.md says what each is."""

import zipfile

def text(string):
    return b"X" + len(string).to_bytes(4, "little") + string.encode()


SYSTEM = b"cos\nsystem\n(" + text("touch PWNED") + b"tR"
EVAL = b"cbuiltins\neval\n(" + text("open('PWNED', 'w').write('eval')") + b"tR"


def whole(number):
    return b"J" + number.to_bytes(4, "little", signed=True)


def sizes(numbers):
    return b"(" + b"".join(numbers) + b"t"


def tensor(numbers, offset, shape, strides):
    """A tensor of floats on the storage 0, which is said to have so many numbers."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + numbers + b"tQ"
        + offset + sizes(shape) + sizes(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def state(**entries):
    body = b"".join(text(name.replace("__", ".")) + value for name, value in entries.items())
    return b"\x80\x02}(" + body + b"u."


def archive(name, pickle, numbers=bytes(16), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(name, "w") as file:
        for member, data, how in [
            ("archive/data.pkl", pickle, zipfile.ZIP_STORED),
            ("archive/byteorder", b"little", zipfile.ZIP_STORED),
            ("archive/data/0", numbers, compression),
        ]:
            info = zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0))
            info.compress_type = how
            file.writestr(info, data)


def write(name, data):
    with open(name, "wb") as file:
        file.write(data)


four = whole(4)
good = tensor(four, whole(0), [four], [whole(1)])

# Code.
archive("system.pt", b"\x80\x02" + SYSTEM + b".")
archive("eval.pt", b"\x80\x02" + EVAL + b".")
archive("nested.pt", state(epoch=whole(3), state_dict=state(encoder_q__A=good, encoder_q__x=SYSTEM)[2:-1]))
write("system.pkl", b"\x80\x02" + SYSTEM + b".")
write("eval.pkl", b"\x80\x02(]" + EVAL + b"at.")
write("system_old.pt", b"\x80\x02" + SYSTEM + b".")
header = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
header += b"\x80\x02M\xe9\x03." + b"\x80\x02}" + text("little_endian") + b"\x88s."
write("eval_old.pt", header + state(encoder_q__A=EVAL) + b"\x80\x02].")

# Tensors that reach beyond their numbers.
million = whole(1_000_000)
archive("beyond.pt", state(encoder_q__A=tensor(four, whole(0), [whole(5)], [whole(1)])))
archive("declared.pt", state(encoder_q__A=tensor(million, whole(0), [million], [whole(1)])))
archive("offset.pt", state(encoder_q__A=tensor(four, whole(-1), [four], [whole(1)])))
archive("stride.pt", state(encoder_q__A=tensor(four, whole(3), [four], [whole(-1)])))
archive("expanded.pt", state(encoder_q__A=tensor(four, whole(0), [million] * 3, [whole(0)] * 3)))
huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
archive("overflow.pt", state(encoder_q__A=tensor(four, whole(0), [huge, huge], [huge, huge])))
many = whole(4096)
shared = tensor(many, whole(0), [many], [whole(1)])
names = [f"encoder_{which}__edge_importance__{i}" for which in "qk" for i in range(10)]
archive("views.pt", state(**dict.fromkeys(names, shared)), bytes(4 * 4096))

# Bombs.
bomb = b"\x80\x02]q\x00"
for i in range(1, 40):
    bomb += b"]q" + bytes([i]) + b"(" + (b"h" + bytes([i - 1])) * 10 + b"e"
archive("references.pt", bomb + b".")
sixteen = 1 << 24
archive(
    "deflated.pt",
    state(encoder_q__A=tensor(whole(sixteen // 4), whole(0), [whole(sixteen // 4)], [whole(1)])),
    bytes(sixteen),
    zipfile.ZIP_DEFLATED,
)
