"""Writes samples/ (small images of every kind that ImageFiles reads) and what Pillow makes of them.

decoded.txt: file, width, height and CRC-32 of Image.open(file).convert("RGB"); resized.txt: width, height, new width, new height and CRC-32
of a noise image resized with BICUBIC. Run in this folder with Pillow 11.3.0 (from 12.3 on, Pillow may run the vertical pass first, which
rounds differently): python make_samples.py
"""
import io
import os
import random
import struct
import zlib

from PIL import Image

rng = random.Random(20251122)
lines = []


def noise(count):
    """The bytes that PillowResizeTest makes as well."""
    state, out = count, bytearray(count)
    for i in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = state >> 16 & 255
    return bytes(out)


def sample(name, data):
    with open("samples/" + name, "wb") as file:
        file.write(data)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    lines.append(f"{name} {image.width} {image.height} {zlib.crc32(image.tobytes())}\n")


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(width, height):
    return Image.frombytes("RGB", (width, height), bytes(
        v & 255 for y in range(height) for x in range(width)
        for v in ((x * 5, y * 7 + x, x * y // 3) if (x // 9 + y // 7) % 3 else (250, 20 + x, 10))))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, kind, interlaced, extra):
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        columns = -(-(width - x) // dx)
        for _ in range(-(-(height - y) // dy) if columns > 0 else 0):
            rows += bytes([rng.randrange(5)]) + rng.randbytes((columns * bits + 7) // 8)
    packed = zlib.compress(rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)) + extra
            + chunk(b"IDAT", packed[:9]) + chunk(b"IDAT", packed[9:]) + chunk(b"IEND", b""))


def pngs():
    for kind, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlaced in (0, 1):
                extra = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"iCCP", b"junk\0\0" + zlib.compress(b"no profile"))
                if kind == 3:
                    colors = max(2, (1 << depth) - 3)  # some indices lack a colour
                    extra += chunk(b"PLTE", rng.randbytes(3 * colors)) + chunk(b"tRNS", rng.randbytes(colors - 1))
                elif kind in (0, 2):
                    extra += chunk(b"tRNS", b"\0\1" * (1 if kind == 0 else 3))
                sample(f"type{kind}_depth{depth}_{'adam7' if interlaced else 'rows'}.png", png(13, 11, depth, kind, interlaced, extra))
    sample("one_pixel_adam7.png", png(1, 1, 8, 2, 1, b""))
    sample("exif_rotated.png", encode(picture(9, 5), "PNG", exif=rotated()))


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def jpegs():
    image = picture(53, 37)
    for name, options in {"444": dict(subsampling=0), "422": dict(subsampling=1), "420": dict(subsampling=2, quality=40),
                          "progressive": dict(progressive=True), "rotated": dict(exif=rotated(), icc_profile=b"junk" * 9, comment=b"hi"),
                          "restarts": dict(restart_marker_rows=1), "rgb": dict(keep_rgb=True)}.items():
        sample(name + ".jpg", encode(image, "JPEG", **options))
    sample("gray.jpg", encode(image.convert("L"), "JPEG"))
    cmyk = encode(image.convert("CMYK"), "JPEG")
    sample("cmyk.jpg", cmyk)
    at = cmyk.index(b"Adobe") + 11
    sample("ycck.jpg", cmyk[:at] + b"\2" + cmyk[at + 1:])
    plain = encode(image, "JPEG", subsampling=0)
    at = plain.index(b"\xff\xe0")
    sample("no_jfif.jpg", plain[:at] + plain[at + 18:] + b"after the end")


def gifs():
    image = picture(41, 29)
    for colors in (2, 16, 256):
        sample(f"{colors}_colors.gif", encode(image.quantize(colors), "GIF", interlace=colors == 16))
    sample("noise.gif", encode(Image.frombytes("P", (90, 80), noise(7200)), "GIF"))  # fills the code table
    sample("gray.gif", encode(image.convert("L"), "GIF"))
    sample("animated.gif", encode(image.quantize(9), "GIF", save_all=True, append_images=[image.quantize(7)], transparency=1))
    frame = encode(image.quantize(16), "GIF")
    at = frame.index(b"," + struct.pack("<HHHH", 0, 0, 41, 29))
    sample("frame_inside.gif", frame[:6] + struct.pack("<HH", 60, 50) + frame[10:at] + b"," + struct.pack("<HH", 3, 4) + frame[at + 5:])
    sample("frame_outside.gif", frame[:6] + struct.pack("<HH", 5, 5) + frame[10:])


def bmp(width, height, bits, compression=0, palette=b"", masks=b"", header=40, colors=0, data=None):
    data = data or rng.randbytes((width * bits + 31) // 32 * 4 * abs(height))
    if header == 12:
        dib = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        dib = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, colors, 0) + masks
        dib = dib.ljust(header, b"\0")
    offset = 14 + len(dib) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + dib + palette + data


def bmps():
    for bits in (1, 4, 8):
        sample(f"{bits}_bits.bmp", bmp(11, 5, bits, palette=rng.randbytes(4 << bits)))
        sample(f"{bits}_bits_core.bmp", bmp(11, 5, bits, palette=rng.randbytes(3 << bits), header=12))
    sample("8_bits_few.bmp", bmp(11, -5, 8, palette=rng.randbytes(20), colors=5))
    for bits in (16, 24, 32):
        sample(f"{bits}_bits.bmp", bmp(11, 5, bits))
        sample(f"{bits}_bits_down.bmp", bmp(11, -5, bits))
    sample("565.bmp", bmp(11, 5, 16, 3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    sample("rgba.bmp", bmp(11, 5, 32, 3, masks=struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000), header=108))
    sample("rle4.bmp", bmp(7, 5, 4, 2, palette=rng.randbytes(64), data=bytes.fromhex("057302910000" "000412340365" "0000" "07210000" "07340000" "07560001")))
    sample("rle8.bmp", bmp(7, 3, 8, 1, palette=rng.randbytes(1024), data=bytes.fromhex("050702090000" "0005010203040500" "02060000" "07210001")))


def webps():
    image, clear = picture(47, 31), picture(47, 31)
    clear.putalpha(Image.frombytes("L", (47, 31), noise(47 * 31)))
    sample("lossless.webp", encode(image, "WEBP", lossless=True))
    sample("palette.webp", encode(image.quantize(5).convert("RGB"), "WEBP", lossless=True, exif=rotated(), icc_profile=b"junk"))
    sample("alpha.webp", encode(clear, "WEBP", lossless=True, exact=True))
    sample("animated.webp", encode(clear, "WEBP", save_all=True, append_images=[image.convert("RGBA")], lossless=True, exact=True))


def lossy_webps():
    # One gray: the plug-in's VP8 decoder is exact only where there is nothing to predict or to filter.
    flat = Image.new("RGB", (35, 21), (119, 119, 119))
    sample("lossy.webp", encode(flat, "WEBP", quality=80))
    flat.putalpha(90)
    sample("lossy_alpha.webp", encode(flat, "WEBP", quality=80))


def resized():
    side = lambda: rng.choice([rng.randrange(1, 12), rng.randrange(1, 90), rng.randrange(1, 250)])
    sizes = [(1, 1, 7, 5), (7, 1, 3, 1), (1, 9, 1, 4), (2, 3, 64, 48), (64, 48, 2, 3), (500, 2, 3, 50), (2, 500, 50, 3), (640, 3, 1, 1),
             (31, 37, 31, 20), (31, 37, 20, 37), (31, 37, 31, 37)] + [(side(), side(), side(), side()) for _ in range(60)]
    for width, height, new_width, new_height in sizes:
        image = Image.frombytes("RGB", (width, height), noise(width * height * 3)).resize((new_width, new_height), Image.BICUBIC)
        yield f"{width} {height} {new_width} {new_height} {zlib.crc32(image.tobytes())}\n"


os.makedirs("samples", exist_ok=True)
pngs()
jpegs()
gifs()
bmps()
webps()
lossy_webps()
with open("decoded.txt", "w") as file:
    file.writelines(lines)
with open("resized.txt", "w") as file:
    file.writelines(resized())
