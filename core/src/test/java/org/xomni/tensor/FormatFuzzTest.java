package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Damages good files in many ways: a file opens, and then all its bytes can be read, or it is refused as it should be. */
@Timeout(60)
class FormatFuzzTest {
    private static final int ROUNDS = 1000;
    private static final int[] TELLING_BYTES = {
        0, 1, 0x7f, 0x80, 0xff, '"', '[', '{', '}', ',', '-', '0', '9', '(', 't', 'u', 's', 'q', 'h', 'R', 'Q', 'b', '.'
    };

    @TempDir
    Path folder;

    private Path file = Path.of("");
    private int opened;
    private int refused;

    private final List<StoredTensor> tensors = List.of(
            TestFiles.tensor("weight", DType.FLOAT32, 1, 2, 3), TestFiles.tensor("bias", DType.BFLOAT16, 2, 3),
            TestFiles.tensor("scale", DType.INT64, 3), TestFiles.tensor("mask", DType.BOOL, 0, 1, 1, 2, 2));

    @BeforeEach
    void nameFile() {
        file = folder.resolve("a");
    }

    @Test
    void damagedSafetensors() throws IOException {
        SafetensorsFile.write(file, tensors, SafetensorsFile.PYTORCH_METADATA);
        byte[] good = Files.readAllBytes(file);
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < ROUNDS; i++) {
            tryToRead(damage(good, random), SafetensorsFile::open);
        }
        assertThat(List.of(opened, refused)).allMatch(count -> count > ROUNDS / 100);
    }

    @Test
    void damagedArchives() throws IOException {
        TorchArchive.write(file, tensors);
        byte[] good = Files.readAllBytes(file);
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < ROUNDS; i++) {
            tryToRead(damage(good, random), TorchArchive::open);
        }
        assertThat(List.of(opened, refused)).allMatch(count -> count > ROUNDS / 100);
    }

    @Test
    void damagedPicklesInGoodArchives() throws IOException {
        TorchArchive.write(file, tensors);
        byte[] archive = Files.readAllBytes(file);
        byte[] good = StateDictPickler.pickle(tensors);
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < ROUNDS; i++) {
            byte[] damaged = damage(good, random);
            System.arraycopy(damaged, 0, archive, 64, damaged.length);
            tryToRead(archive, TorchArchive::open);
        }
        assertThat(List.of(opened, refused)).allMatch(count -> count > ROUNDS / 100);
    }

    private static byte[] damage(byte[] good, SplittableRandom random) {
        byte[] bytes = good.clone();
        for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
            int at = random.nextInt(bytes.length);
            int length = Math.min(1 + random.nextInt(8), bytes.length - at);
            switch (random.nextInt(6)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1 -> bytes[at] = (byte) TELLING_BYTES[random.nextInt(TELLING_BYTES.length)];
                case 2 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 3 -> System.arraycopy(bytes, random.nextInt(bytes.length - length + 1), bytes, at, length);
                case 4 -> Arrays.fill(bytes, at, at + length, (byte) TELLING_BYTES[random.nextInt(5)]);
                default -> bytes = Arrays.copyOf(bytes, random.nextInt(8) == 0 ? Math.max(at, 1) : bytes.length);
            }
        }
        return bytes;
    }

    private void tryToRead(byte[] bytes, Function<Path, TensorFile> format) throws IOException {
        Files.write(file, bytes);
        try (TensorFile tensorFile = format.apply(file)) {
            long sum = 0;
            for (StoredTensor tensor : new ArrayList<>(tensorFile.tensors().values())) {
                assertThat(tensor.bytes().byteSize()).isEqualTo(StoredTensor.byteSize(tensor.dtype(), tensor.shape()));
                for (byte b : tensor.bytes().toArray(ValueLayout.JAVA_BYTE)) {
                    sum += b;
                }
            }
            assertThat(sum).isBetween(-128L * bytes.length, 127L * bytes.length);
            opened++;
        } catch (CheckpointException e) {
            assertThat(e.getMessage()).startsWith(file.toString()).hasLineCount(1).hasSizeLessThan(2000);
            refused++;
        }
    }
}
