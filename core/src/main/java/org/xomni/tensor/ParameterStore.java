package org.xomni.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The owner of one component's parameters. Modules ask for them by name and shape through {@link Parameters}; the store finds or makes them,
 * keeps a list of what is wrong, and frees everything when the model closes.
 *
 * <p>Construction is: {@code store.root()} is handed to the module factories, then {@link #check} reports all problems together.
 */
public final class ParameterStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ParameterStore.class);

    /** Where parameters come from. */
    private sealed interface Source {
        /** Loaded weights; {@code files} stay open as long as tensors lie over their bytes. */
        record Stored(String description, Map<String, StoredTensor> tensors, List<? extends AutoCloseable> files) implements Source {}

        /** Fresh weights, normal with a standard deviation; for benchmarks. */
        record Random(Randomness randomness, double std) implements Source {}

        /** Weights to be trained: copies of stored ones, and fresh ones where there are none. */
        record Trainable(String description, Map<String, StoredTensor> tensors, Initializer fresh) implements Source {}

        /** Loaded weights that stay as they are, and fresh adapters to be trained. */
        record Adapted(
                String description, Map<String, StoredTensor> tensors, List<? extends AutoCloseable> files, LowRank lowRank, Initializer fresh)
                implements Source {}

        /** The weights of another store, in the same memory, with gradients of their own. */
        record Shared(ParameterStore owner) implements Source {}

        /** No weights: tensors have shapes and no memory. */
        record Shapes() implements Source {}
    }

    private final Source source;
    private final Numerics numerics;
    private final boolean dry;
    private final Map<String, Tensor> parameters = new LinkedHashMap<>();
    private final List<Tensor> derived = new ArrayList<>();
    private final Set<String> asked = new LinkedHashSet<>();
    private final List<String> problems = new ArrayList<>();
    private long count;
    private boolean closed;

    private ParameterStore(Source source, Numerics numerics, boolean dry) {
        Engine.start();
        this.source = source;
        this.numerics = numerics;
        this.dry = dry;
    }

    /**
     * Parameters from files.
     *
     * @param description what messages call the source, such as a folder
     * @param files closed together with the store
     */
    public static ParameterStore of(
            String description, Map<String, StoredTensor> tensors, List<? extends AutoCloseable> files, Numerics numerics) {
        return new ParameterStore(new Source.Stored(description, tensors, files), numerics, false);
    }

    /** Only compares names and shapes: no weight is read, tensors have shapes but no memory. */
    public static ParameterStore dry(String description, Map<String, StoredTensor> tensors, Numerics numerics) {
        return new ParameterStore(new Source.Stored(description, tensors, List.of()), numerics, true);
    }

    /**
     * The parameters of another store in the same memory: what is written to one is read from both, while gradients are each one's own. For training by several
     * threads; what is trained must be known to the owner ({@code requires_grad}), and the owner is closed last.
     */
    public static ParameterStore sharing(ParameterStore owner) {
        return new ParameterStore(new Source.Shared(owner), owner.numerics, false);
    }

    /** Every parameter that a module asks for, with its shape and without memory: what a model would be. Nothing can be computed with it. */
    public static ParameterStore shapes(Numerics numerics) {
        return new ParameterStore(new Source.Shapes(), numerics, true);
    }

    /** Fresh weights drawn from {@code N(0, std^2)}. */
    public static ParameterStore random(long seed, double std, Numerics numerics) {
        return new ParameterStore(new Source.Random(new Randomness(seed), std), numerics, false);
    }

    /**
     * Parameters to be trained. All are copies of the store's own, in ordinary memory and made outside of inference mode, so that gradients can
     * be recorded and an optimiser can write to them.
     *
     * @param description what messages call the stored part
     * @param stored weights to start from, copied at once; may be empty
     * @param fresh makes those that are not stored
     */
    public static ParameterStore trainable(String description, Map<String, StoredTensor> stored, Initializer fresh, Numerics numerics) {
        return new ParameterStore(new Source.Trainable(description, stored, fresh), numerics, false);
    }

    /**
     * Weights from files that stay as they are, mapped where their type allows it, and adapters to be trained, which are the store's own as those of
     * {@link #trainable}.
     *
     * @param files closed together with the store
     * @param fresh makes the adapters
     */
    public static ParameterStore adapted(
            String description,
            Map<String, StoredTensor> tensors,
            List<? extends AutoCloseable> files,
            LowRank lowRank,
            Initializer fresh,
            Numerics numerics) {
        return new ParameterStore(new Source.Adapted(description, tensors, files, lowRank, fresh), numerics, false);
    }

    /** The parameters at the root of the name space. */
    public Parameters root() {
        return new Parameters(this, "");
    }

    Numerics numerics() {
        return numerics;
    }

    @Nullable
    LowRank lowRank() {
        return switch (source) {
            case Source.Adapted adapted -> adapted.lowRank();
            case Source.Shared shared -> shared.owner().lowRank();
            default -> null;
        };
    }

    /** How many scalar parameters modules have asked for. */
    public long count() {
        return count;
    }

    /** The parameters handed out so far, by name. */
    public Map<String, Tensor> parameters() {
        return parameters;
    }

    /** What is wrong so far, one line each. */
    public List<String> problems() {
        return List.copyOf(problems);
    }

    /** Names that the source has and no module asked for. */
    public Set<String> unknown() {
        Set<String> rest = new TreeSet<>(stored().keySet());
        rest.removeAll(asked);
        return rest;
    }

    /**
     * Ends construction.
     *
     * @throws CheckpointException naming every missing and mis-shaped parameter with expected and found shape; the store is then closed
     */
    public void check() {
        if (!problems.isEmpty()) {
            close();
            throw new CheckpointException(description() + " does not fit its config.json: " + String.join("; ", problems)
                    + ". Restore config.json and the weights from the same checkpoint");
        }
        Set<String> unknown = unknown();
        if (!unknown.isEmpty()) {
            LOG.warn("{}: {} unknown parameter(s) ignored: {}", description(), unknown.size(), abbreviated(unknown));
        }
    }

    private Map<String, StoredTensor> stored() {
        return switch (source) {
            case Source.Stored stored -> stored.tensors();
            case Source.Trainable trainable -> trainable.tensors();
            case Source.Adapted adapted -> adapted.tensors();
            case Source.Random random -> Map.of();
            case Source.Shared shared -> Map.of();
            case Source.Shapes shapes -> Map.of();
        };
    }

    private String description() {
        return switch (source) {
            case Source.Stored stored -> stored.description();
            case Source.Trainable trainable -> trainable.description();
            case Source.Adapted adapted -> adapted.description();
            case Source.Random random -> "the model of random weights";
            case Source.Shared shared -> shared.owner().description();
            case Source.Shapes shapes -> "the model without weights";
        };
    }

    private static String abbreviated(Set<String> names) {
        String first = String.join(", ", names.stream().limit(8).toList());
        return names.size() > 8 ? first + ", ..." : first;
    }

    boolean has(String name) {
        return switch (source) {
            case Source.Stored stored -> stored.tensors().containsKey(name);
            case Source.Adapted adapted -> adapted.tensors().containsKey(name);
            case Source.Shared shared -> shared.owner().parameters().containsKey(name);
            default -> true;
        };
    }

    /** Marks a name as known without using it. */
    void ignore(String name) {
        asked.add(name);
    }

    Tensor get(String name, DType dtype, long... shape) {
        asked.add(name);
        count += Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        Tensor made = switch (source) {
            case Source.Stored stored -> load(name, stored.tensors(), dtype, shape);
            case Source.Adapted adapted when LowRank.isAdapter(name) -> fresh(adapted.fresh(), name, dtype, shape);
            case Source.Adapted adapted -> load(name, adapted.tensors(), dtype, shape);
            case Source.Random random -> draw(random, dtype, shape);
            case Source.Shared shared -> shared(shared.owner(), name);
            case Source.Shapes shapes -> placeholder(dtype, shape);
            case Source.Trainable trainable when trainable.tensors().containsKey(name) -> load(name, trainable.tensors(), dtype, shape);
            case Source.Trainable trainable -> fresh(trainable.fresh(), name, dtype, shape);
        };
        parameters.put(name, made);
        return made;
    }

    private Tensor fresh(Initializer initializer, String name, DType dtype, long[] shape) {
        return owned(() -> initializer.make(name, shape).to(numerics.torchDevice(), dtype.scalarType()));
    }

    private static Tensor shared(ParameterStore owner, String name) {
        Tensor original = Objects.requireNonNull(owner.parameters.get(name), name);
        return owned(() -> original.detach().requires_grad_(original.requires_grad()));
    }

    private Tensor load(String name, Map<String, StoredTensor> tensors, DType dtype, long[] shape) {
        StoredTensor found = tensors.get(name);
        if (found == null) {
            problems.add("missing " + name + ", expected shape " + StoredTensor.shapeText(shape));
            return placeholder(dtype, shape);
        }
        if (!Arrays.equals(found.shape(), shape)) {
            problems.add(name + " has shape " + StoredTensor.shapeText(found.shape()) + ", expected " + StoredTensor.shapeText(shape));
            return placeholder(dtype, shape);
        }
        if (!found.dtype().isFloat()) {
            problems.add(name + " has dtype " + found.dtype() + ", expected a float type");
            return placeholder(dtype, shape);
        }
        if (dry) {
            return placeholder(dtype, shape);
        }
        return owned(() -> {
            Tensor mapped = Tensors.over(found);
            // A trained parameter is written to, which a mapped file must never be.
            Tensor readable = source instanceof Source.Trainable ? mapped.clone() : mapped;
            return readable.to(numerics.torchDevice(), dtype.scalarType());
        });
    }

    private Tensor draw(Source.Random random, DType dtype, long[] shape) {
        return owned(() -> torch.randn(shape, new GeneratorOptional(random.randomness().generator()), new TensorOptions(ScalarType.Float))
                .mul_(new Scalar(random.std()))
                .to(numerics.torchDevice(), dtype.scalarType()));
    }

    /** A tensor with a shape and no memory, so that construction can go on and find the other problems. */
    private Tensor placeholder(DType dtype, long[] shape) {
        return owned(() -> torch.empty(
                shape, new TensorOptions(dtype.scalarType()).device(new DeviceOptional(new Device(DeviceType.Meta))), null));
    }

    /** Keeps a tensor that a module computed from its parameters, such as a quantised weight, until the model closes. */
    Tensor derive(Supplier<Tensor> computation) {
        Tensor t = owned(computation);
        derived.add(t);
        return t;
    }

    /** Replaces a parameter by nothing: its module holds a derived form. */
    void release(String name) {
        Tensor t = parameters.remove(name);
        if (t != null) {
            t.releaseReference();
        }
    }

    private static Tensor owned(Supplier<Tensor> make) {
        try (PointerScope scope = new PointerScope()) {
            Tensor t = make.get();
            t.retainReference();
            return t;
        }
    }

    /** Frees all parameters and closes the files; closing twice does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        parameters.values().forEach(Tensor::releaseReference);
        parameters.clear();
        derived.forEach(Tensor::releaseReference);
        derived.clear();
        switch (source) {
            case Source.Stored stored -> stored.files().forEach(ParameterStore::closeQuietly);
            case Source.Adapted adapted -> adapted.files().forEach(ParameterStore::closeQuietly);
            case Source.Random random -> random.randomness().close();
            case Source.Trainable trainable -> {}
            case Source.Shared shared -> {}
            case Source.Shapes shapes -> {}
        }
    }

    private static void closeQuietly(AutoCloseable file) {
        try {
            file.close();
        } catch (Exception e) {
            LOG.warn("closing {} failed: {}", file, e.toString());
        }
    }
}
