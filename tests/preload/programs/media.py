# SPDX-License-Identifier: MIT
"""Renderers and encoders: large blocks, aligned blocks, threads that hand buffers to each other."""
import hashlib

from harness import Program


def ghostscript(box):
    """A generated PostScript document to a bitmap, to PDF, and that PDF to a bitmap again."""
    box.payload("picture.ps")
    size = ["-r72"] if box.small else ["-r300"]
    quiet = ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-dSAFER"]
    box.run([*quiet, "-sDEVICE=ppmraw", *size, "-sOutputFile=page%d.ppm", "picture.ps"], name="gs-raster", timeout_s=300)
    box.run([*quiet, "-sDEVICE=pdfwrite", "-sOutputFile=picture.pdf", "picture.ps"], name="gs-pdf", timeout_s=300)
    # The PDF itself carries the time and a random ID; what it shows does not.
    box.run([*quiet, "-sDEVICE=ppmraw", *size, "-sOutputFile=again%d.ppm", "picture.pdf"], name="gs-again",
            timeout_s=300)
    for path in sorted(box.dir.glob("*.ppm")):
        box.keep(path.name, hashlib.sha256(path.read_bytes()).hexdigest().encode())


def ffmpeg(box):
    """A test picture and tone, encoded by x264 and AAC with frame threads, and decoded again."""
    seconds, size = (1, "320x240") if box.small else (12, "1280x720")
    base = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "4"]
    box.run([*base, "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}",
             "-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:v", "libx264", "-preset", "veryfast",
             "-threads", "4", "-c:a", "aac", "-fflags", "+bitexact", "-flags", "+bitexact", "out.mkv"],
            name="ffmpeg-encode", timeout_s=300)
    box.keep("out.mkv", hashlib.sha256((box.dir / "out.mkv").read_bytes()).hexdigest().encode())
    box.run([*base, "-i", "out.mkv", "-vf", "scale=640:-2,hqdn3d", "-f", "framemd5", "-"], name="ffmpeg-decode",
            timeout_s=300)


def imagemagick(box):
    """The Q16 binary itself: OpenMP threads over pixel rows, caches of several MiB."""
    size = "240x180" if box.small else "1600x1200"
    convert = ["convert-im6.q16", "-limit", "thread", "2"]
    box.run([*convert, "-size", size, "-seed", "5", "plasma:tomato-steelblue", "-blur", "0x3", "-rotate", "17", "-resize",
             "70%", "-colorspace", "Lab", "-separate", "-combine", "-colorspace", "sRGB", "-depth", "8", "ppm:out.ppm"],
            name="convert", timeout_s=300)
    box.keep("out.ppm", hashlib.sha256((box.dir / "out.ppm").read_bytes()).hexdigest().encode())
    box.run([*convert, "out.ppm", "-quality", "85", "-strip", "jpg:out.jpg"], name="convert-jpg", timeout_s=300)
    box.run([*convert, "out.jpg", "-format", "%wx%h %# %k", "info:-"], name="convert-info", timeout_s=300)


PROGRAMS = [
    Program("ghostscript", ghostscript, "gs: PostScript to bitmap, to PDF, and back", ["gs"], ["ghostscript"], ["gs"]),
    Program("ffmpeg", ffmpeg, "x264 and AAC with 4 threads, then decode and filter", ["ffmpeg"], ["ffmpeg"], ["ffmpeg"]),
    Program("imagemagick", imagemagick, "convert: blur, rotate, resize, colour spaces", ["convert-im6.q16"],
            ["imagemagick-6.q16"], ["convert-im6.q16"], small=True),
]
