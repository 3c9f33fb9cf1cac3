package org.xomni.train;

// Shapes: B batch, Y x X pixels of a crop, Z latent channels.

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.xomni.data.BrokenSample;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.SampleStream;
import org.xomni.data.Seeds;
import org.xomni.decoder.Vae;
import org.xomni.decoder.VaeConfig;
import org.xomni.image.Pixels;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * The variational autoencoder that the decoder paints with. Loss on random crops:
 *
 * <pre>
 * |x' - x| + (x' - x)^2 + edges |grad x' - grad x| + kl KL(q(z|x) || N(0, 1)),   x' = decode(z), z ~ q(z|x)
 * </pre>
 *
 * The gradient term keeps edges sharp; released autoencoders use a perceptual and an adversarial term in its place, which a picture of flat
 * colours and letters does not need. On export the mean and the spread of latents are measured and become {@code shift_factor} and
 * {@code scaling_factor}, so that the diffusion transformer sees latents of unit variance.
 */
public final class AutoencoderStage implements Stage {
    /** Small enough that the posterior starts nearly deterministic. */
    private static final double FIRST_LOG_VARIANCE = -6;
    private static final int MEASURED_PICTURES = 64;

    /**
     * What this stage's recipe says beside the loop.
     *
     * @param batch crops
     * @param crop pixels along a side; divisible by the autoencoder's downscale
     * @param edges weight of the gradient term
     * @param kl weight of the Kullback-Leibler term
     */
    public record Settings(int batch, int crop, double edges, double kl) {
        public Settings {
            if (batch < 1 || crop < 8 || !(edges >= 0) || !(kl >= 0)) {
                throw new InputException("batch " + batch + " must be at least 1, crop " + crop + " at least 8, edges " + edges + " and kl " + kl
                        + " not negative");
            }
        }
    }

    private final Settings settings;
    private final long seed;
    private final SampleSource source;
    private final int threads;
    private SampleStream<List<Pixels>> stream;
    private final ConfigFile config;
    private final Vae vae;
    private final Numerics numerics;

    /**
     * @param config the autoencoder's {@code config.json}
     * @param source of pictures; this stage closes it
     * @param threads that make them
     */
    public AutoencoderStage(ConfigFile config, Settings settings, long seed, Numerics numerics, SampleSource source, int threads) {
        this.settings = settings;
        this.seed = seed;
        this.source = source;
        this.threads = threads;
        this.stream = pictures(0);
        this.config = config;
        this.numerics = numerics;
        VaeConfig shape = VaeConfig.of(config);
        requireCrop(settings, shape);
        // Kaiming for SiLU without norms; the second convolution of a residual block begins small, so that depth does not amplify,
        // and so do the outputs, of which one is a logarithm.
        var initial = Initial.scaled(seed, 0, (name, fanIn) -> name.contains("conv2") || name.contains("conv_out") ? 0.3 : Math.sqrt(2));
        this.vae = new Vae(shape, ParameterStore.trainable("the autoencoder", Map.of(), (name, dimensions) -> {
            Tensor value = initial.make(name, dimensions);
            if (name.equals("encoder.conv_out.bias")) {
                value.narrow(0, shape.latentChannels(), shape.latentChannels()).fill_(new Scalar(FIRST_LOG_VARIANCE));
            }
            return value;
        }, numerics));
    }

    /** @throws InputException if crops do not become whole latents */
    static void requireCrop(Settings settings, VaeConfig shape) {
        if (settings.crop() % shape.downscale() != 0) {
            throw new InputException("crop " + settings.crop() + " is not divisible by the autoencoder's downscale " + shape.downscale());
        }
    }

    @Override
    public List<ParameterGroup> groups() {
        return List.of(ParameterGroup.all("vae", vae.parameters()));
    }

    @Override
    public Loss gradients(long step, int microBatch, int accumulate) {
        return loss(step, microBatch, accumulate).backward();
    }

    private Loss loss(long step, int microBatch, int accumulate) {
        Tensor x_B3YX = crops(step, microBatch);
        try (Randomness noise = new Randomness(Seeds.mix(seed, step, microBatch))) {
            Vae.Posterior posterior = vae.encode(x_B3YX);
            Tensor y_B3YX = vae.decode(posterior.sample(noise));
            Tensor difference = y_B3YX.sub(x_B3YX);
            Tensor absolute = difference.abs().mean();
            Tensor squared = difference.square().mean();
            Tensor edges = gradient(difference, 2).add(gradient(difference, 3));
            Tensor kl = posterior.mean().square().add(posterior.logVariance().exp()).sub(posterior.logVariance()).sub(new Scalar(1)).mean()
                    .mul(new Scalar(0.5));
            Tensor total = absolute.add(squared).add(edges, new Scalar(settings.edges())).add(kl, new Scalar(settings.kl()));
            Map<String, Tensor> parts = new LinkedHashMap<>();
            parts.put("absolute", absolute);
            parts.put("squared", squared);
            parts.put("kl", kl);
            // Pixels span 2.
            parts.put("psnr", squared.detach().div(new Scalar(4)).log10().mul(new Scalar(-10)));
            return new Loss(total, 1.0 / accumulate, parts, settings.batch(), 0);
        }
    }

    /** Mean absolute difference of neighbours along a dimension. */
    private static Tensor gradient(Tensor x, long dimension) {
        long length = x.size(dimension) - 1;
        return x.narrow(dimension, 1, length).sub(x.narrow(dimension, 0, length)).abs().mean();
    }

    private Tensor crops(long step, int microBatch) {
        SplittableRandom random = new SplittableRandom(Seeds.mix(seed, step, microBatch, 1));
        TensorVector crops = new TensorVector();
        while (crops.size() < settings.batch()) {
            for (Pixels picture : stream.next().value()) {
                int crop = settings.crop();
                if (crops.size() < settings.batch()) {
                    Tensor whole = Pictures.normalized(picture);
                    crops.push_back(whole.narrow(2, random.nextInt(picture.height() - crop + 1), crop)
                            .narrow(3, random.nextInt(picture.width() - crop + 1), crop));
                }
            }
        }
        return numerics.place(torch.cat(crops, 0));
    }

    private SampleStream<List<Pixels>> pictures(long position) {
        return new SampleStream<>(index -> large(source.sample(index)), position, threads);
    }

    /** Its pictures of which crops can be taken. */
    private List<Pixels> large(Sample sample) throws BrokenSample {
        List<Pixels> large = new ArrayList<>();
        for (Picture picture : sample.pictures()) {
            if (picture instanceof Picture.Raw(Pixels pixels) && pixels.height() >= settings.crop() && pixels.width() >= settings.crop()) {
                large.add(pixels);
            }
        }
        if (large.isEmpty()) {
            throw new BrokenSample(sample.key() + " has no picture of at least " + settings.crop() + "x" + settings.crop() + " pixels to crop");
        }
        return large;
    }

    @Override
    public String position() {
        return Long.toString(stream.position());
    }

    @Override
    public SampleStream.Skipped skipped() {
        return stream.skipped();
    }

    @Override
    public void resume(String position) {
        stream.close();
        stream = pictures(Long.parseLong(position));
    }

    @Override
    public void export(Path folder, Map<String, Tensor> weights) {
        Path vaeFolder = folder.resolve("flux").resolve("vae");
        Exports.safetensors(vaeFolder.resolve("diffusion_pytorch_model.safetensors"), "vae", weights);
        Exports.config(vaeFolder.resolve("config.json"), config, Map.of());
        try (Vae exported = Vae.load(vaeFolder, Numerics.cpu(DType.FLOAT32)); Scope scope = Scope.inference()) {
            TensorVector latents = new TensorVector();
            try (SampleStream<List<Pixels>> pictures = pictures(0)) {
                for (int i = 0; i < MEASURED_PICTURES; i++) {
                    for (Pixels picture : pictures.next().value()) {
                        latents.push_back(exported.encode(Pictures.normalized(picture)).mean().flatten());
                    }
                }
            }
            Tensor all = torch.cat(latents, 0);
            Exports.config(vaeFolder.resolve("config.json"), config, Map.of(
                    "shift_factor", (double) all.mean().item_float(), "scaling_factor", 1.0 / all.std(true).item_float()));
        }
    }

    @Override
    public boolean sheet(Path file) {
        try (Scope scope = Scope.inference(); SampleStream<List<Pixels>> pictures = pictures(0)) {
            List<Pixels> tiles = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                Pixels picture = pictures.next().value().getFirst();
                tiles.add(picture);
                tiles.add(Pictures.pixels(vae.decode(vae.encode(numerics.place(Pictures.normalized(picture))).mean())));
            }
            Pictures.sheet(file, tiles);
            return true;
        }
    }

    @Override
    public void close() {
        stream.close();
        source.close();
        vae.close();
    }
}
