package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Folders;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class SnapshotsTest {
    @TempDir
    Path run;

    @Test
    void aDamagedStateSaysWhichOtherOneThereIs() throws Exception {
        try (Scope scope = Scope.plain()) {
            Snapshots snapshots = new Snapshots(run);
            for (long step : new long[] {8, 9}) {
                snapshots.write(step, Map.of("weight", Tensors.of(new float[] {step, 1}, 2)), Map.of());
            }
            Path newest = snapshots.newest().orElseThrow().file();
            try (FileChannel file = FileChannel.open(newest, StandardOpenOption.WRITE)) {
                file.truncate(file.size() - 4);
            }
            Tensor weight = Tensors.of(new float[2], 2);
            Path folder = Objects.requireNonNull(newest.getParent());
            assertThatThrownBy(() -> Snapshots.read(newest, Map.of("weight", weight), said -> {}))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("is damaged")
                    .hasMessageEndingWith("; delete " + folder + " to go on from step 8");
            Folders.delete(folder);
            Map<String, String> unused = Snapshots.read(snapshots.newest().orElseThrow().file(), Map.of("weight", weight), said -> {});
            assertThat(Tensors.floats(weight)).containsExactly(8, 1);

            Files.write(snapshots.newest().orElseThrow().file(), new byte[3]);
            assertThatThrownBy(() -> Snapshots.read(snapshots.newest().orElseThrow().file(), Map.of("weight", weight), said -> {}))
                    .hasMessageEndingWith("; no other checkpoint is there, so begin a new run");
        }
    }
}
