package org.xomni.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Folders;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;

/**
 * The states of a run on disk, from which it can go on: {@code RUN/checkpoints/step-000001000/state.safetensors}. A state is written into a folder
 * of another name, which gets its own when everything is on the disk; the last two are kept, so that one is whole at any moment.
 */
public final class Snapshots {
    private static final Pattern NAME = Pattern.compile("step-(\\d{9})");
    private static final String FILE = "state.safetensors";
    private static final int KEPT = 2;
    private static final String THREADS = "threads";

    private final Path folder;

    /** The states in a run's folder. */
    public Snapshots(Path run) {
        this.folder = run.resolve("checkpoints");
    }

    /**
     * A state that was found.
     *
     * @param step how many steps are done
     */
    public record Found(long step, Path file) {}

    /** The newest whole state. */
    public Optional<Found> newest() {
        return all().stream().max(Comparator.comparingLong(Found::step));
    }

    private List<Found> all() {
        List<Found> found = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            return found;
        }
        try (Stream<Path> folders = Files.list(folder)) {
            for (Path state : folders.toList()) {
                Matcher name = NAME.matcher(state.getFileName().toString());
                if (name.matches()) {
                    found.add(new Found(Long.parseLong(name.group(1)), state.resolve(FILE)));
                }
            }
            return found;
        } catch (IOException e) {
            throw new XOmniException(folder + " cannot be listed (" + e + "); check its permissions", e);
        }
    }

    /** Writes the state after {@code step} steps, and by how many threads it was reached. */
    public void write(long step, Map<String, Tensor> tensors, Map<String, String> metadata) {
        Path whole = folder.resolve("step-%09d".formatted(step));
        Path partial = folder.resolve("writing");
        try (Scope scope = Scope.plain()) {
            Folders.delete(partial);
            Files.createDirectories(partial);
            List<StoredTensor> stored = tensors.entrySet().stream().map(e -> Tensors.stored(e.getKey(), e.getValue().cpu())).toList();
            Map<String, String> described = new TreeMap<>(metadata);
            described.put(THREADS, Integer.toString(Engine.threads()));
            SafetensorsFile.write(partial.resolve(FILE), stored, described);
            Folders.delete(whole);
            Files.move(partial, whole, StandardCopyOption.ATOMIC_MOVE);
            List<Found> old = all().stream().sorted(Comparator.comparingLong(Found::step).reversed()).skip(KEPT).toList();
            for (Found state : old) {
                Folders.delete(folder.resolve("step-%09d".formatted(state.step())));
            }
        } catch (IOException e) {
            throw new XOmniException(whole + " cannot be written (" + e + "); free space or fix permissions, then continue with --resume", e);
        } catch (XOmniException e) {
            throw new XOmniException(e.getMessage() + ", then continue with --resume", e);
        }
    }

    /**
     * Fills tensors from a state.
     *
     * @param noticed is told if other threads go on with it than those by which it was reached
     * @return its metadata
     * @throws CheckpointException if names or shapes differ, as they do when the recipe has changed
     */
    public static Map<String, String> read(Path file, Map<String, Tensor> tensors, Consumer<String> noticed) {
        try (SafetensorsFile state = open(file); NoGradGuard guard = new NoGradGuard()) {
            if (!state.tensors().keySet().equals(tensors.keySet())) {
                throw changed(file, "it holds " + state.tensors().size() + " tensors, this recipe trains " + tensors.size() + " or others");
            }
            for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
                try (Scope scope = Scope.plain()) {
                    StoredTensor stored = state.tensor(entry.getKey());
                    if (!Arrays.equals(stored.shape(), Tensors.shape(entry.getValue()))) {
                        throw changed(file, entry.getKey() + " has shape " + StoredTensor.shapeText(stored.shape()) + ", expected "
                                + StoredTensor.shapeText(Tensors.shape(entry.getValue())));
                    }
                    entry.getValue().copy_(Tensors.over(stored));
                }
            }
            otherThreads(state.metadata()).ifPresent(noticed);
            return Map.copyOf(state.metadata());
        }
    }

    /** What is damaged here cannot be had anywhere else, but the state before it may be whole. */
    private static SafetensorsFile open(Path file) {
        try {
            return SafetensorsFile.open(file);
        } catch (CheckpointException e) {
            Path state = Objects.requireNonNull(file.getParent());
            Path run = Objects.requireNonNull(Objects.requireNonNull(state.getParent()).getParent());
            String remedy = new Snapshots(run).all().stream().filter(other -> !other.file().equals(file)).max(Comparator.comparingLong(Found::step))
                    .map(other -> "delete " + state + " to go on from step " + other.step())
                    .orElse("no other checkpoint is there, so begin a new run");
            throw new CheckpointException(String.valueOf(e.getMessage()).replaceFirst(";[^;]*$", "") + "; " + remedy, e);
        }
    }

    private static Optional<String> otherThreads(Map<String, String> metadata) {
        String now = Integer.toString(Engine.threads());
        return Optional.ofNullable(metadata.get(THREADS)).filter(before -> !before.equals(now)).map(before -> "so far the run had --threads " + before
                + ", now it has --threads " + now + ": sums are rounded in another order, so it does not end with the bits of a run that was not stopped");
    }

    private static CheckpointException changed(Path file, String what) {
        return new CheckpointException(file + " was made by another recipe: " + what + "; resume with the recipe of that run, or begin a new run");
    }
}
