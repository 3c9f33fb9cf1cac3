package org.xomni.image;

import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * JPEG to RGB with Pillow's rules. The JDK's reader (libjpeg) decodes the planes; colour is converted here, with libjpeg's own integer
 * formulas, from what the JFIF and Adobe markers and the component names say. Profiles, EXIF and comments are cut out beforehand, so
 * nothing parses them.
 */
final class JpegDecoder {
    /** Progressive images have about ten; each costs a pass over the whole image. */
    private static final int MAX_SCANS = 100;

    private static final int SOF0 = 0xC0;
    private static final int SOF15 = 0xCF;
    private static final int DHT = 0xC4;
    private static final int JPG = 0xC8;
    private static final int DAC = 0xCC;
    private static final int RST0 = 0xD0;
    private static final int RST7 = 0xD7;
    private static final int SOI = 0xD8;
    private static final int EOI = 0xD9;
    private static final int SOS = 0xDA;
    private static final int APP0 = 0xE0;
    private static final int APP14 = 0xEE;
    private static final int APP15 = 0xEF;
    private static final int COM = 0xFE;

    private static final int NO_ADOBE = -1;

    private final byte[] file;
    private final ByteCursor cursor;
    private final ByteArrayOutputStream kept;
    private byte[] componentNames = {};
    private boolean jfif;
    private int adobeTransform = NO_ADOBE;

    private JpegDecoder(byte[] file) {
        this.file = file;
        this.cursor = new ByteCursor(file);
        this.kept = new ByteArrayOutputStream(file.length);
    }

    static Pixels decode(byte[] file, long maxPixels) throws BadImage {
        JpegDecoder decoder = new JpegDecoder(file);
        decoder.walk(maxPixels);
        return decoder.convert(planes(decoder.kept.toByteArray()));
    }

    /** Goes through the markers to the end of the image; keeps what decoding needs, remembers what colour needs. */
    private void walk(long maxPixels) throws BadImage {
        int scans = 0;
        cursor.skip(2);
        keep(0, 2);
        while (true) {
            int marker = nextMarker();
            int start = cursor.position();
            if (marker == EOI) {
                keep(start - 2, 2);
                break;
            }
            if (marker == SOI || marker >= RST0 && marker <= RST7) {
                throw new BadImage("is corrupt: its JPEG markers are out of order");
            }
            int length = cursor.u16be();
            cursor.skip(Math.max(0, length - 2));
            if (length < 2) {
                throw new BadImage("is corrupt: a JPEG marker has no length");
            }
            if (marker >= APP0 && marker <= APP15 || marker == COM) {
                application(marker, start + 2, length - 2);
                continue;
            }
            if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC) {
                frame(start + 2, maxPixels);
            }
            if (marker == SOS) {
                if (componentNames.length == 0) {
                    throw new BadImage("is corrupt: it has no JPEG frame");
                }
                if (++scans > MAX_SCANS) {
                    throw new BadImage("has more than " + MAX_SCANS + " JPEG scans");
                }
                skipScan();
            }
            keep(start - 2, cursor.position() - start + 2);
        }
        if (scans == 0) {
            throw new BadImage("is corrupt: it has no JPEG scan");
        }
    }

    private void keep(int offset, int length) {
        kept.write(file, offset, length);
    }

    private int nextMarker() throws BadImage {
        // Stray bytes between segments are skipped, as by every decoder.
        int marker = cursor.u8();
        for (boolean prefixed = false; !prefixed || marker == 0 || marker == 0xFF; ) {
            prefixed = marker == 0xFF;
            marker = cursor.u8();
        }
        return marker;
    }

    /** Goes to the marker after a scan's coded data, in which 0xFF is followed by 0 or a restart marker. */
    private void skipScan() throws BadImage {
        int at = cursor.position();
        while (at + 1 < file.length) {
            int next = file[at + 1] & 0xFF;
            if (file[at] == (byte) 0xFF && next != 0 && next != 0xFF && (next < RST0 || next > RST7)) {
                cursor.seek(at);
                return;
            }
            at++;
        }
        throw new BadImage("is truncated");
    }

    private void application(int marker, int offset, int length) throws BadImage {
        ByteCursor data = new ByteCursor(file);
        data.seek(offset);
        if (marker == APP0 && length >= 14 && data.startsWith("JFIF\0")) {
            jfif = true;
        } else if (marker == APP14 && length >= 12 && data.startsWith("Adobe")) {
            adobeTransform = file[offset + 11] & 0xFF;
        }
    }

    private void frame(int offset, long maxPixels) throws BadImage {
        if (componentNames.length > 0) {
            throw new BadImage("is corrupt: it has two JPEG frames");
        }
        ByteCursor data = new ByteCursor(file);
        data.seek(offset);
        int depth = data.u8();
        int height = data.u16be();
        int width = data.u16be();
        int components = data.u8();
        if (depth != 8 || components != 1 && components != 3 && components != 4) {
            throw new BadImage("is a JPEG with " + components + " components of " + depth + " bits, which is not supported");
        }
        ImageFiles.checkSize(height, width, maxPixels);
        componentNames = new byte[components];
        for (int i = 0; i < components; i++) {
            componentNames[i] = (byte) data.u8();
            data.skip(2);
        }
    }

    /** The components of each pixel, full size, as they were coded. */
    private static Raster planes(byte[] jpeg) throws BadImage {
        List<String> warnings = new ArrayList<>();
        ImageReader reader = reader();
        try (MemoryCacheImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(jpeg))) {
            reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
            reader.setInput(in, true, true);
            Raster raster = reader.readRaster(0, null);
            for (String warning : warnings) {
                // Padding before a marker hurts nothing; every other warning means pixels that were made up.
                if (!warning.contains("extraneous bytes before marker")) {
                    throw new BadImage("is corrupt: " + warning.lines().findFirst().orElse("").strip());
                }
            }
            return raster;
        } catch (IOException | RuntimeException e) {
            throw new BadImage("is corrupt or of an unsupported JPEG kind", e);
        } finally {
            reader.dispose();
        }
    }

    /** The JDK's own reader, whatever other plug-ins are on the class path: they would manage colours. */
    private static ImageReader reader() {
        for (Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg"); readers.hasNext(); ) {
            ImageReader reader = readers.next();
            if (reader.getClass().getModule().equals(ImageIO.class.getModule())) {
                return reader;
            }
        }
        throw new IllegalStateException("this Java runtime has no JPEG reader");
    }

    private Pixels convert(Raster raster) throws BadImage {
        int bands = raster.getNumBands();
        if (bands != componentNames.length) {
            throw new BadImage("is corrupt: its JPEG frame and scans disagree");
        }
        int width = raster.getWidth();
        Pixels image = new Pixels(raster.getHeight(), width);
        boolean luminance = isLuminance();
        byte[] row = new byte[width * bands];
        int to = 0;
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getDataElements(0, y, width, 1, row);
            for (int from = 0; from < row.length; from += bands, to += 3) {
                pixel(row, from, bands, luminance, image.rgb(), to);
            }
        }
        return image;
    }

    /** Whether the first three components are luminance and chrominance rather than colours: libjpeg's rule. */
    private boolean isLuminance() {
        int count = componentNames.length;
        if (count == 4) {
            return adobeTransform != NO_ADOBE && adobeTransform != 0;
        }
        if (count == 1 || jfif) {
            return count == 3;
        }
        if (adobeTransform != NO_ADOBE) {
            return adobeTransform != 0;
        }
        return !(componentNames[0] == 'R' && componentNames[1] == 'G' && componentNames[2] == 'B');
    }

    private static void pixel(byte[] in, int from, int bands, boolean luminance, byte[] out, int to) {
        if (bands == 1) {
            out[to] = in[from];
            out[to + 1] = in[from];
            out[to + 2] = in[from];
            return;
        }
        int red = in[from] & 0xFF;
        int green = in[from + 1] & 0xFF;
        int blue = in[from + 2] & 0xFF;
        if (luminance) {
            int y = red;
            int cb = green - 128;
            int cr = blue - 128;
            // 1.402, 0.34414, 0.71414 and 1.772 with 16 fractional bits.
            red = Math.clamp(y + (91881 * cr + 32768 >> 16), 0, 255);
            green = Math.clamp(y + (-22554 * cb - 46802 * cr + 32768 >> 16), 0, 255);
            blue = Math.clamp(y + (116130 * cb + 32768 >> 16), 0, 255);
        }
        if (bands == 4) {
            // Inks, inverted as Adobe writes them (YCCK holds their complement); Pillow assumes so of every such file.
            int light = in[from + 3] & 0xFF;
            red = ink(luminance ? red : 255 - red, light);
            green = ink(luminance ? green : 255 - green, light);
            blue = ink(luminance ? blue : 255 - blue, light);
        }
        out[to] = (byte) red;
        out[to + 1] = (byte) green;
        out[to + 2] = (byte) blue;
    }

    /** What an ink's coverage leaves of the light that black leaves; Pillow's rounding of a product of bytes. */
    private static int ink(int coverage, int light) {
        int product = coverage * light + 128;
        return Math.clamp(light - (product + (product >> 8) >> 8), 0, 255);
    }
}
