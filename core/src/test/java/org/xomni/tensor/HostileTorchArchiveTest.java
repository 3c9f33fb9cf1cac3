package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class HostileTorchArchiveTest {
    private static final byte[] GOOD = new PickleBytes().op('}').string("t").smallTensor().op('s').stop();

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"os, system", "posix, system", "builtins, eval", "builtins, getattr", "subprocess, Popen", "torch, load",
        "numpy.core.multiarray, _reconstruct", "torch.storage, FloatStorage", "torch, ComplexFloatStorage", "collections, defaultdict",
        "torch._utils, _rebuild_tensor"})
    void aPickleThatWantsToRunCodeIsRefused(String module, String name) throws IOException {
        Path witness = folder.resolve("witness");
        PickleBytes call = new PickleBytes().global(module, name).op('(').string("touch " + witness).op('t', 'R');
        assertRefused(archive(call.stop()), "asks for \"" + module + "." + name + "\", and xomni refuses to run code");
        PickleBytes byStack = new PickleBytes().string(module).string(name).op(0x93, '(').string("touch " + witness).op('t', 'R');
        assertRefused(archive(byStack.stop()), "asks for \"" + module + "." + name + "\", and xomni refuses to run code");
        assertThat(witness).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(ints = {'i', 'o', 0x81, 0x92, 0x82, 0x83, 0x84, 'P', 'I', 'F', 'S', 'V', 'L', 'p', 'g', 0x8f, 0x96, 0x97, 0xff, 0})
    void anOperationThatStateDictsDoNotNeedIsRefused(int operation) {
        assertRefused(archive(new PickleBytes().op('}', '}', operation).stop()),
                String.format("asks for the pickle operation 0x%02x", operation));
    }

    @Test
    void onlyWhatMayBeCalledIsCalled() {
        assertRefused(archive(new PickleBytes().string("eval").op(')', 'R').stop()), "its pickle lacks a Function");
        assertRefused(archive(new PickleBytes().global("collections", "OrderedDict").op(']', 'R').stop()), "its pickle lacks a Tuple");
        assertRefused(archive(new PickleBytes().global("collections", "OrderedDict").op(']', 0x85, 'R').stop()),
                "lacks an empty OrderedDict");
        assertRefused(archive(new PickleBytes().global("torch", "FloatStorage").op(')', 'R').stop()), "its pickle lacks a Function");
    }

    @Test
    void picklesThatAreCutOffOrUnbalancedAreRefused() {
        assertRefused(archive(new byte[0]), "ends in the middle");
        assertRefused(archive(Arrays.copyOf(GOOD, GOOD.length - 1)), "ends in the middle");
        assertRefused(archive(new PickleBytes().op('X', 0xff, 0xff, 0xff, 0xff).stop()), "ends in the middle");
        assertRefused(archive(new PickleBytes().op(0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80).stop()), "ends in the middle");
        assertRefused(archive(new PickleBytes().op('c', 'o', 's').stop()), "ends in the middle");
        assertRefused(archive(new PickleBytes().stop()), "lacks 1 values");
        assertRefused(archive(new PickleBytes().op('t').stop()), "lacks a mark");
        assertRefused(archive(new PickleBytes().op('}', '(', 's').stop()), "lacks 2 values");
        assertRefused(archive(new PickleBytes().op('}', '(', 'N', 'u').stop()), "lacks a value for every key");
        assertRefused(archive(new PickleBytes().op('h', 9).stop()), "lacks a value that was stored under 9");
        assertRefused(archive(new PickleBytes().op(0x80, 9).stop()), "pickle protocol is 9");
    }

    @Test
    void containersThatHoldThemselvesDoNoHarm() {
        byte[] cyclic = new PickleBytes().op('}', 'q', 0).string("self").op('h', 0, 's').string("list").op(']', 'q', 1, 'h', 1, 'a', 's')
                .string("t").smallTensor().op('s').stop();
        try (TorchArchive archive = TorchArchive.open(archive(cyclic))) {
            assertThat(archive.tensors().keySet()).containsExactly("t");
        }
        assertRefused(archive(new PickleBytes().op('}', ']', 'q', 1, 'h', 1, 'a', 'N', 's').stop()),
                "lacks keys that are strings or integers");
    }

    @Test
    void picklesWithoutEndAreRefused() {
        byte[] deep = new byte[5 << 20];
        Arrays.fill(deep, (byte) ']');
        assertRefused(archive(deep), "more than 4194304 steps");
        try (MappedFile file = MappedFile.open(folder.resolve("a.pt"))) {
            assertThatExceptionOfType(CheckpointException.class)
                    .isThrownBy(() -> Unpickler.load(file, new byte[65 << 20])).withMessageContaining("has a pickle of 68157440 bytes");
        }
    }

    @Test
    void aDictUnderManyNamesIsLookedThroughOnce() {
        PickleBytes many = new PickleBytes().op('}', '(');
        for (int i = 0; i < 500_000; i++) {
            many.op('J').int32(i).op('N');
        }
        many.op('u', 'q', 0, '}', '(');
        for (int i = 0; i < 500_000; i++) {
            many.op('J').int32(i).op('h', 0);
        }
        assertRefused(archive(many.op('u').stop()), "holds no tensors");
    }

    @Test
    void whatIsNoStateDictIsRefused() {
        assertRefused(archive(new PickleBytes().smallTensor().stop()), "does not hold a dict");
        assertRefused(archive(new PickleBytes().op('}').stop()), "holds no tensors");
        assertRefused(archive(new PickleBytes().op('}', '(').string("a").op('}').string("w").smallTensor().op('s')
                .string("b").op('}').string("w").smallTensor().op('s', 'u').stop()), "holds 2 dicts of tensors");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            2 |  1 | 2 | 1 | reaches beyond its storage of 2 elements
            2 | -1 | 1 | 1 | reaches beyond its storage
            2 |  0 | 2 | 2 | reaches beyond its storage
            2 |  0 | -2 | 1 | reaches beyond its storage
            2 |  0 | 2 | -1 | reaches beyond its storage
            2 |  9223372036854775807 | 1 | 1 | has more elements than a file can have
            2 |  0 | 9223372036854775807 | 4 | has more elements than a file can have
            2 |  0 | 9223372036854775807 | 0 | copies take 9223372036854775807 bytes, expected at most the file's
            2 |  0 | 100000 | 0 | copies take 100000 bytes
            3 |  0 | 2 | 1 | has a storage of 3 UINT8, but its record has 2 bytes
            -1 | 0 | 2 | 1 | has a storage of -1 UINT8, but its record has 2 bytes
            """)
    void aTensorThatDoesNotFitItsStorageIsRefused(long storageElements, long offset, long size, long stride, String expected) {
        byte[] pickle = new PickleBytes().op('}').string("t")
                .tensor("ByteStorage", storageElements, offset, new long[] {size}, new long[] {stride}).op('s').stop();
        assertRefused(archive(pickle), expected);
    }

    @Test
    void shapesAreLimited() {
        long[] twoStrides = {1, 1};
        byte[] strides = new PickleBytes().op('}').string("t").tensor("ByteStorage", 2, 0, new long[] {2}, twoStrides).op('s').stop();
        assertRefused(archive(strides), "reaches beyond its storage");
        byte[] many = new PickleBytes().op('}').string("t").tensor("ByteStorage", 2, 0, new long[65], new long[65]).op('s').stop();
        assertRefused(archive(many), "lacks at most 64 dimensions");
        long[] large = {1L << 32, 1L << 32};
        byte[] overflow = new PickleBytes().op('}').string("t").tensor("ByteStorage", 2, 0, large, new long[] {0, 0}).op('s').stop();
        assertRefused(archive(overflow), "has more elements than a file can have");
        byte[] byteOverflow = new PickleBytes().op('}').string("t").tensor("LongStorage", 1L << 62, 0, large, new long[2]).op('s').stop();
        assertRefused(archive(byteOverflow), "has more elements than a file can have");
    }

    @Test
    void namesOfRecordsNeverBecomeFiles() throws IOException {
        Map<String, byte[]> records = records(GOOD);
        records.put("../../evil", new byte[] {1});
        records.put("/etc/evil", new byte[] {1});
        Path file = TestFiles.zip(Files.createDirectories(folder.resolve("x/y")).resolve("a.pt"), records);
        try (TorchArchive archive = TorchArchive.open(file)) {
            assertThat(archive.tensors().keySet()).containsExactly("t");
        }
        try (Stream<Path> files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile)).containsExactly(file);
        }
        PickleBytes outside = new PickleBytes().op('}').string("t").global("torch._utils", "_rebuild_tensor_v2").op('(', '(')
                .string("storage").global("torch", "ByteStorage").string("../../../../etc/passwd").string("cpu")
                .op('K', 2, 't', 'Q', 'K', 0).longs(2).longs(1).op(0x89, '}', 't', 'R', 's');
        assertRefused(archive(outside.stop()), "is in the record \"data/../../../../etc/passwd\", which is missing");
    }

    @Test
    void otherFormatsAreNamed() throws IOException {
        assertRefused(TestFiles.write(folder.resolve("a.pt"), new PickleBytes().op(0x8a, 10).stop()), "format from before PyTorch 1.6");
        byte[] tar = new byte[1024];
        System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
        assertRefused(TestFiles.write(folder.resolve("a.pt"), tar), "format from before PyTorch 1.6");
        assertRefused(Files.writeString(folder.resolve("a.pt"), "version https://git-lfs.github.com"), "does not start as a zip archive");
        assertRefused(Files.createFile(folder.resolve("b.pt")), "does not start as a zip archive");
        assertRefused(folder.resolve("none.pt"), "is missing");
        assertRefused(TestFiles.zip(folder.resolve("a.pt"), Map.of("a/other", new byte[1])), "has no record \"a/data.pkl\"");
        assertRefused(TestFiles.zip(folder.resolve("a.pt"), Map.of()), "has no record \"data.pkl\"");
        Map<String, byte[]> bigEndian = records(GOOD);
        bigEndian.put("a/byteorder", "big".getBytes(StandardCharsets.US_ASCII));
        assertRefused(TestFiles.zip(folder.resolve("a.pt"), bigEndian), "has byte order \"big\", expected little");
    }

    @Test
    void compressedRecordsAreRefused() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(new ZipEntry("a/data.pkl"));
            zip.write(GOOD);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        assertRefused(TestFiles.write(folder.resolve("a.pt"), bytes.toByteArray()), "has the compressed record \"a/data.pkl\"");
    }

    @Test
    void twoRecordsOfOneNameAreRefused() {
        Path file = folder.resolve("a.pt");
        NewFile.write(file, out -> {
            ZipWriter zip = new ZipWriter(out);
            zip.add("a/data.pkl", MemorySegment.ofArray(GOOD));
            zip.add("a/data.pkl", MemorySegment.ofArray(GOOD));
            zip.finish();
        });
        assertRefused(file, "it has two records \"a/data.pkl\"");
    }

    @Test
    void aTruncatedArchiveIsRefusedWhereverItIsCut() throws IOException {
        byte[] whole = Files.readAllBytes(archive(GOOD));
        for (int length = 2; length < whole.length; length++) {
            assertRefused(TestFiles.write(folder.resolve("cut.pt"), Arrays.copyOf(whole, length)),
                    "it has no zip directory at its end, so it is cut off");
        }
    }

    /** Fields of the end record (from its start at -22), of the zip64 end record (-98) and of the directory's first entry. */
    @ParameterizedTest
    @CsvSource({"-98, 0, its zip64 directory is not where it should be", "-66, -1, 'records, expected at most 1048576'",
        "-66, 5, points outside of the file", "-58, 1000000, points outside of the file",
        "-50, -5, points outside of the file", "-50, 7, something else than an entry",
        "20, -1, points outside of the file", "24, 1000000, its sizes", "42, 3, is not where the zip directory says",
        "42, -2, points outside of the file"})
    void aDirectoryThatPointsElsewhereIsRefused(int at, long value, String expected) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(torchArchive()).order(ByteOrder.LITTLE_ENDIAN);
        int directory = (int) bytes.getLong(bytes.capacity() - 50);
        if (at >= 0) {
            bytes.putInt(directory + at, (int) value);
        } else if (at == -98) {
            bytes.putInt(bytes.capacity() + at, (int) value);
        } else {
            bytes.putLong(bytes.capacity() + at, value);
        }
        assertRefused(TestFiles.write(folder.resolve("bad.pt"), bytes.array()), expected);
    }

    @Test
    void sizesAndOffsetsAreTakenFromZip64Fields() throws IOException {
        byte[] plain = torchArchive();
        ByteBuffer from = ByteBuffer.wrap(plain).order(ByteOrder.LITTLE_ENDIAN);
        int directory = (int) from.getLong(plain.length - 50);
        int name = from.getShort(directory + 28);
        ByteBuffer entry = ByteBuffer.allocate(46 + name + 28).order(ByteOrder.LITTLE_ENDIAN).put(plain, directory, 46 + name);
        entry.putShort((short) 1).putShort((short) 24);
        entry.putLong(from.getInt(directory + 24)).putLong(from.getInt(directory + 20)).putLong(from.getInt(directory + 42));
        entry.putInt(20, -1).putInt(24, -1).putInt(42, -1).putShort(30, (short) 28);
        ByteArrayOutputStream zip64 = new ByteArrayOutputStream();
        zip64.write(plain, 0, directory);
        zip64.writeBytes(entry.array());
        zip64.write(plain, directory + 46 + name, plain.length - directory - 46 - name);
        ByteBuffer bytes = ByteBuffer.wrap(zip64.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        int end = bytes.capacity();
        bytes.putLong(end - 58, bytes.getLong(end - 58) + 28).putLong(end - 34, bytes.getLong(end - 34) + 28);
        try (TorchArchive archive = TorchArchive.open(TestFiles.write(folder.resolve("a64.pt"), bytes.array()))) {
            assertThat(TestFiles.bytes(archive.tensor("t"))).containsExactly(8, 9);
        }
        bytes.putShort(directory + 46 + name, (short) 9);
        assertRefused(TestFiles.write(folder.resolve("bad64.pt"), bytes.array()), "points outside of the file");
    }

    private Path archive(byte[] pickle) {
        return TestFiles.zip(folder.resolve("a.pt"), records(pickle));
    }

    private byte[] torchArchive() throws IOException {
        Path path = folder.resolve("torch.pt");
        TorchArchive.write(path, List.of(TestFiles.tensor("t", DType.UINT8, 8, 2)));
        return Files.readAllBytes(path);
    }

    private static Map<String, byte[]> records(byte[] pickle) {
        Map<String, byte[]> records = new LinkedHashMap<>();
        records.put("a/data.pkl", pickle);
        records.put("a/data/0", new byte[] {8, 9});
        return records;
    }

    private static void assertRefused(Path path, String expected) {
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> TorchArchive.open(path))
                .withMessageStartingWith(path + " ")
                .withMessageContaining(expected)
                .withMessageContaining("; ")
                .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
    }
}
