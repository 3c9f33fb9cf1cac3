package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
    @TempDir
    Path folder;

    static List<Path> fixtures() {
        return TestFiles.fixtures(".safetensors");
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void aFixtureReadAndWrittenAgainHasTheSameBytes(Path fixture) {
        Path copy = folder.resolve("copy.safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(fixture)) {
            assertThat(file.tensors()).isNotEmpty();
            SafetensorsFile.write(copy, file.tensors().values(), file.metadata());
        }
        assertThat(copy).hasSameBinaryContentAs(fixture);
    }

    @Test
    void readsNamesShapesValuesAndMetadata() {
        String header = """
                {"b":{"dtype":"U8","shape":[2,3],"data_offsets":[2,8]},"__metadata__":{"format":"pt","k":"v"},
                "a":{"shape":[],"data_offsets":[0,2],"dtype":"BF16"},"e":{"dtype":"F32","shape":[0,4],"data_offsets":[2,2]}}
                """;
        try (SafetensorsFile file = SafetensorsFile.open(TestFiles.safetensors(folder.resolve("a.safetensors"), header, 8))) {
            assertThat(file.tensors().keySet()).containsExactly("a", "e", "b");
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"), Map.entry("k", "v"));
            StoredTensor b = file.tensor("b");
            assertThat(b.dtype()).isEqualTo(DType.UINT8);
            assertThat(b.shape()).containsExactly(2, 3);
            assertThat(TestFiles.bytes(b)).containsExactly(2, 3, 4, 5, 6, 7);
            assertThat(file.tensor("a").elements()).isEqualTo(1);
            assertThat(file.tensor("e").elements()).isZero();
        }
    }

    @Test
    void tensorsMayLieUnalignedAndSayIt() {
        String header = """
                {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}""";
        try (SafetensorsFile file = SafetensorsFile.open(TestFiles.safetensors(folder.resolve("a.safetensors"), header, 5))) {
            assertThat(file.tensor("a").isAligned()).isTrue();
            assertThat(file.tensor("b").isAligned()).isEqualTo((8 + header.length() + 1) % 4 == 0);
            assertThat(TestFiles.bytes(file.tensor("b"))).containsExactly(1, 2, 3, 4);
        }
    }

    @Test
    void writesMetadataThenLargerElementsThenNames() throws IOException {
        Path path = folder.resolve("new/folder/a.safetensors");
        SafetensorsFile.write(path, List.of(
                TestFiles.tensor("z", DType.BOOL, 0, 1), TestFiles.tensor("i", DType.INT32, 1, 1),
                TestFiles.tensor("h", DType.BFLOAT16, 2, 1, 2), TestFiles.tensor("b", DType.FLOAT32, 3),
                TestFiles.tensor("a\"é", DType.FLOAT32, 4, 0)), SafetensorsFile.PYTORCH_METADATA);
        byte[] bytes = Files.readAllBytes(path);
        String header = """
                {"__metadata__":{"format":"pt"},\
                "a\\"é":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},\
                "b":{"dtype":"F32","shape":[],"data_offsets":[0,4]},\
                "i":{"dtype":"I32","shape":[1],"data_offsets":[4,8]},\
                "h":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]},\
                "z":{"dtype":"BOOL","shape":[1],"data_offsets":[12,13]}}""";
        int padded = bytes.length - 8 - 13;
        assertThat(padded % 8).isZero();
        assertThat(new String(bytes, 8, padded, StandardCharsets.UTF_8).stripTrailing()).isEqualTo(header);
        assertThat(bytes).endsWith(3, 4, 5, 6, 1, 2, 3, 4, 2, 3, 4, 5, 0);
    }

    @Test
    void aFileMayBeReplacedByTensorsThatAreViewsOfIt() throws IOException {
        Path path = Files.copy(fixtures().getFirst(), folder.resolve("a.safetensors"));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            SafetensorsFile.write(path, file.tensors().values(), file.metadata());
        }
        assertThat(path).hasSameBinaryContentAs(fixtures().getFirst());
        assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void tensorsOnTheHeapAreWritten() {
        Path path = folder.resolve("a.safetensors");
        StoredTensor tensor = new StoredTensor("a", DType.FLOAT32, new long[] {2}, MemorySegment.ofArray(new float[] {1.5f, -2}));
        SafetensorsFile.write(path, List.of(tensor), Map.of());
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensor("a").bytes().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsExactly(1.5f, -2);
        }
    }

    @Test
    void aNameCannotBeWrittenTwice() {
        List<StoredTensor> twice = List.of(TestFiles.tensor("a", DType.INT8, 0, 1), TestFiles.tensor("a", DType.INT16, 0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> SafetensorsFile.write(folder.resolve("a.safetensors"), twice, Map.of()));
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aFailedWriteLeavesTheFormerFile() throws IOException {
        Path path = Files.writeString(folder.resolve("a"), "former");
        assertThatExceptionOfType(XOmniException.class).isThrownBy(() -> NewFile.write(path, out -> {
            out.write(new byte[3]);
            throw new IOException("No space left on device");
        })).withMessageContaining("No space left on device");
        assertThat(folder).isDirectoryContaining(path::equals);
        assertThat(path).hasContent("former");
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"t":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}    | tensor "t" has dtype "F8_E4M3", expected one of [I64, F64
            {"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}        | has 8 bytes, but F32 [3] takes 12 bytes
            {"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}       | the file has 8 bytes of data
            {"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}        | has data_offsets [4, 8], but the tensor before it ends at 0
            {"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}        | tensors end at byte 4 of the data
            {"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}        | data_offsets that are not two whole numbers from 0 in order
            {"t":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}       | data_offsets that are not
            {"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}      | data_offsets that are not
            {"t":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}} | data_offsets that are not
            {"t":{"dtype":"F32","shape":[2],"data_offsets":"0,8"}}        | data_offsets that are not
            {"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}       | shape that is not a list of whole numbers
            {"t":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}      | shape that is not a list of whole numbers
            {"t":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}          | shape that is not a list of whole numbers
            {"t":{"dtype":"F32","data_offsets":[0,8]}}                    | shape that is not a list of whole numbers
            {"t":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,8]}} | takes more bytes than a file can have
            {"t":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}            | has a JSON number as dtype
            {"t":{"shape":[2],"data_offsets":[0,8]}}                      | has nothing as dtype
            {"t":[]}                                                      | has a JSON array in the header
            {"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"t":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}} | before it ends at 6
            {"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}} | Duplicate
            {"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"__metadata__":{"a":1}} | "a" is a JSON number, expected a string
            {"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"__metadata__":"a"}     | __metadata__ is a JSON string
            {"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}} {}      | goes on after
            {"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}          | not valid JSON
            [1]                                                           | not a JSON object
            garbage                                                       | not valid JSON
            {"t\\nu":{"dtype":"U8","shape":[9],"data_offsets":[0,8]}}     | tensor "t\\nu" has
            """)
    void aHeaderThatBreaksARuleIsNamed(String header, String expected) {
        assertRefused(TestFiles.safetensors(folder.resolve("a.safetensors"), header, 8), expected);
    }

    @Test
    void aHeaderNestedWithoutEndIsRefused() {
        assertRefused(TestFiles.safetensors(folder.resolve("a.safetensors"), "{\"t\":" + "[".repeat(100_000), 8), "not valid JSON");
    }

    @ParameterizedTest
    @CsvSource({"0, it has 0 bytes", "7, it has 7 bytes", "8, header length is", "100, header length is",
            "3000, its tensors end at|the file has"})
    void aTruncatedFileIsRefused(int length, String expected) throws IOException {
        byte[] whole = Files.readAllBytes(TestFiles.FIXTURES.resolve("tiny-en/golden/training.safetensors"));
        Path path = TestFiles.write(folder.resolve("a.safetensors"), Arrays.copyOf(whole, length));
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> SafetensorsFile.open(path))
                .withMessageMatching(".*(" + expected + ").*");
    }

    @ParameterizedTest
    @CsvSource({"-1, 18446744073709551615", "100000001, 100000001", "9223372036854775807, 9223372036854775807"})
    void aHeaderLengthBeyondTheFileIsRefused(long length, String shown) {
        byte[] bytes = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
        assertRefused(TestFiles.write(folder.resolve("a.safetensors"), bytes),
                "its header length is " + shown + ", expected at most 56 in a file of 64 bytes");
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> SafetensorsFile.open(folder.resolve("none")))
                .withMessageContaining("is missing");
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> SafetensorsFile.open(folder))
                .withMessageContaining("is missing");
    }

    private static void assertRefused(Path path, String expected) {
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> SafetensorsFile.open(path))
                .withMessageStartingWith(path + " ")
                .withMessageContaining(expected)
                .withMessageContaining("; ")
                .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
    }
}
