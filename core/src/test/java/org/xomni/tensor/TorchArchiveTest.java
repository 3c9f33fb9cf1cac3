package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TorchArchiveTest {
    @TempDir
    Path folder;

    static List<Path> fixtures() {
        return TestFiles.fixtures(".pt");
    }

    @Test
    void readsNamesShapesAndValuesOfAFixture() {
        try (TorchArchive archive = TorchArchive.open(TestFiles.FIXTURES.resolve("tiny-en/model/siglip.pt"))) {
            assertThat(archive.tensors()).hasSize(39);
            assertThat(archive.tensors().keySet()).startsWith("pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias");
            StoredTensor projection = archive.tensor("patch_embed.proj.weight");
            assertThat(projection.dtype()).isEqualTo(DType.FLOAT32);
            assertThat(projection.shape()).containsExactly(64, 3, 16, 16);
            assertThat(projection.isAligned()).isTrue();
            float[] norm = archive.tensor("blocks.0.norm1.weight").bytes().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            assertThat(norm).hasSize(64).doesNotContain(Float.NaN);
        }
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void aFixtureIsWrittenAsTorchWroteItUpToItsMetadata(Path fixture) {
        Path copy = folder.resolve(fixture.getFileName());
        try (TorchArchive archive = TorchArchive.open(fixture)) {
            TorchArchive.write(copy, archive.tensors().values());
        }
        try (MappedFile original = MappedFile.open(fixture); MappedFile written = MappedFile.open(copy)) {
            Map<String, MemorySegment> expected = ZipReader.records(original);
            Map<String, MemorySegment> actual = ZipReader.records(written);
            List<String> names = new ArrayList<>(expected.keySet());
            assertThat(names.removeLast()).endsWith("/.data/serialization_id");
            assertThat(actual.keySet()).containsExactlyElementsOf(names);
            actual.forEach((name, record) -> {
                MemorySegment like = expected.getOrDefault(name, MemorySegment.NULL);
                // The fixtures' state dicts have an attribute _metadata, which follows where ours ends.
                assertThat(record.mismatch(like)).as(name).isEqualTo(name.endsWith("data.pkl") ? record.byteSize() - 1 : -1);
                assertThat((record.address() - written.bytes().address()) % 64).as(name).isZero();
            });
        }
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void whatIsWrittenReadsBackAndIsWrittenTheSame(Path fixture) throws IOException {
        Path first = folder.resolve("a.pt");
        Path second = Files.createDirectory(folder.resolve("second")).resolve("a.pt");
        try (TorchArchive archive = TorchArchive.open(fixture)) {
            TorchArchive.write(first, archive.tensors().values());
            try (TorchArchive again = TorchArchive.open(first)) {
                TorchArchive.write(second, again.tensors().values());
                assertThat(again.tensors().keySet()).containsExactlyElementsOf(archive.tensors().keySet());
                for (StoredTensor tensor : again.tensors().values()) {
                    StoredTensor original = archive.tensor(tensor.name());
                    assertThat(tensor.shape()).isEqualTo(original.shape());
                    assertThat(tensor.dtype()).isEqualTo(original.dtype());
                    assertThat(tensor.bytes().mismatch(original.bytes())).isEqualTo(-1);
                }
            }
        }
        assertThat(second).hasSameBinaryContentAs(first);
    }

    @Test
    void everyDTypeAndManyTensorsRoundTrip() throws IOException {
        List<StoredTensor> tensors = new ArrayList<>();
        for (DType dtype : DType.values()) {
            tensors.add(TestFiles.tensor(dtype + " \"é\n", dtype, 1, 2, 1, 3, 1));
        }
        tensors.add(TestFiles.tensor("torch._utils\n_rebuild_tensor_v2\n", DType.INT8, 5));
        tensors.add(TestFiles.tensor("empty", DType.INT64, 5, 0, 3));
        tensors.add(TestFiles.tensor("long", DType.INT8, 5, 70_000));
        // One more than Python puts into one batch, and more than fit into one-byte memo indices.
        while (tensors.size() < 1001) {
            tensors.add(TestFiles.tensor("t" + tensors.size(), DType.INT16, tensors.size(), 1, 2, 3));
        }
        Path path = folder.resolve("a.pt");
        TorchArchive.write(path, tensors);
        try (TorchArchive archive = TorchArchive.open(path)) {
            assertThat(archive.tensors().keySet()).containsExactlyElementsOf(tensors.stream().map(StoredTensor::name).toList());
            for (StoredTensor tensor : tensors) {
                assertThat(TestFiles.bytes(archive.tensor(tensor.name()))).isEqualTo(TestFiles.bytes(tensor));
                assertThat(archive.tensor(tensor.name()).shape()).isEqualTo(tensor.shape());
                assertThat(archive.tensor(tensor.name()).dtype()).isEqualTo(tensor.dtype());
            }
        }
        try (ZipFile zip = new ZipFile(path.toFile())) {
            for (ZipEntry entry : Collections.list(zip.entries())) {
                try (InputStream in = zip.getInputStream(entry)) {
                    CRC32 crc = new CRC32();
                    crc.update(in.readAllBytes());
                    assertThat(entry.getCrc()).as(entry.getName()).isEqualTo(crc.getValue());
                }
            }
        }
    }

    @Test
    void aNameCannotBeWrittenTwice() {
        StoredTensor a = TestFiles.tensor("a", DType.INT8, 0, 1);
        assertThatIllegalArgumentException().isThrownBy(() -> TorchArchive.write(folder.resolve("a.pt"), List.of(a, a)));
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void viewsAreMadeContiguous() {
        byte[] pickle = new PickleBytes().op('}', '(')
                .string("transposed").tensor("ByteStorage", 8, 0, new long[] {4, 2}, new long[] {1, 4})
                .string("row").tensor("ByteStorage", 8, 4, new long[] {1, 4}, new long[] {77, 1})
                .string("column").tensor("ByteStorage", 8, 1, new long[] {2}, new long[] {4})
                .string("scalar").tensor("ByteStorage", 8, 7, new long[0], new long[0])
                .string("empty").tensor("ByteStorage", 8, 8, new long[] {3, 0}, new long[] {1, 1})
                .op('u').stop();
        try (TorchArchive archive = TorchArchive.open(archive(pickle, 0, 1, 2, 3, 4, 5, 6, 7))) {
            assertThat(TestFiles.bytes(archive.tensor("transposed"))).containsExactly(0, 4, 1, 5, 2, 6, 3, 7);
            assertThat(TestFiles.bytes(archive.tensor("row"))).containsExactly(4, 5, 6, 7);
            assertThat(TestFiles.bytes(archive.tensor("column"))).containsExactly(1, 5);
            assertThat(TestFiles.bytes(archive.tensor("scalar"))).containsExactly(7);
            assertThat(archive.tensor("empty").shape()).containsExactly(3, 0);
        }
    }

    @Test
    void parametersAndOtherValuesMayStandInAStateDict() {
        byte[] pickle = new PickleBytes().op('}', '(')
                .string("weight").global("torch._utils", "_rebuild_parameter").op('(').smallTensor().op(0x88).op('}', 't', 'R')
                .string("epoch").op('K', 3).string("none").op('N').string("list").op(']', '(', 'N', 0x88, 'e')
                .string("lr").op('G', 0, 0, 0, 0, 0, 0, 0, 0).string("huge").op(0x8a, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1)
                .op('K', 7).smallTensor()
                .op('u', '}').string("_metadata").op('}', 's', 'b').stop();
        try (TorchArchive archive = TorchArchive.open(archive(pickle, 8, 9))) {
            assertThat(archive.tensors().keySet()).containsExactly("weight", "7");
            assertThat(TestFiles.bytes(archive.tensor("weight"))).containsExactly(8, 9);
        }
    }

    @Test
    void aStateDictMayLieOneLevelBelow() {
        PickleBytes inner = new PickleBytes().op('}', '(')
                .string("ema").op('}').string("e").smallTensor().op('s')
                .string("state_dict").op('}').string("s").smallTensor().op('s')
                .string("optimizer").op('}').op('u');
        try (TorchArchive archive = TorchArchive.open(archive(inner.stop(), 8, 9))) {
            assertThat(archive.tensors().keySet()).containsExactly("s");
        }
        byte[] alone = new PickleBytes().op('}').string("weights").op('}').string("w").smallTensor().op('s', 's').stop();
        try (TorchArchive archive = TorchArchive.open(archive(alone, 8, 9))) {
            assertThat(archive.tensors().keySet()).containsExactly("w");
        }
    }

    /** A step counter or the like beside the model. */
    @Test
    void aTensorBesideTheStateDictHidesItNot() {
        byte[] pickle = new PickleBytes().op('}', '(')
                .string("step").smallTensor()
                .string("model").op('}', '(').string("a").smallTensor().string("b").smallTensor().op('u')
                .op('u').stop();
        try (TorchArchive archive = TorchArchive.open(archive(pickle, 8, 9))) {
            assertThat(archive.tensors().keySet()).containsExactly("a", "b");
        }
    }

    /** As {@code torch.load(weights_only=True)} takes them. */
    @Test
    void sizesDevicesAndTypesMayStandInAStateDict() {
        byte[] pickle = new PickleBytes().op('}', '(')
                .string("w").smallTensor()
                .string("grid").global("torch", "Size").op('(').longs(24, 24).op('t', 'R')
                .string("device").global("torch", "device").op('(').string("cuda").op('t', 'R')
                .string("dtype").global("torch", "bfloat16")
                .op('u').stop();
        try (TorchArchive archive = TorchArchive.open(archive(pickle, 8, 9))) {
            assertThat(archive.tensors().keySet()).containsExactly("w");
        }
    }

    @Test
    void protocolFourIsRead() {
        byte[] pickle = new PickleBytes().op(0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0)
                .string("collections").string("OrderedDict").op(0x93, 0x94, ')', 'R', 0x94)
                .op(0x8c, 1, 'w').smallTensor().op('s', 'h', 1).stop();
        try (TorchArchive archive = TorchArchive.open(archive(pickle, 8, 9))) {
            assertThat(archive.tensors().keySet()).containsExactly("w");
        }
    }

    private Path archive(byte[] pickle, int... data) {
        byte[] storage = new byte[data.length];
        for (int i = 0; i < data.length; i++) {
            storage[i] = (byte) data[i];
        }
        Map<String, byte[]> records = new LinkedHashMap<>();
        records.put("a/data.pkl", pickle);
        records.put("a/data/0", storage);
        return TestFiles.zip(folder.resolve("a.pt"), records);
    }
}
