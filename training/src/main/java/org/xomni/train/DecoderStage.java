package org.xomni.train;

// Shapes: B images, L image positions, C channels of packed latents, T width of token features, h x w tokens.

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.data.BucketBatcher;
import org.xomni.data.SampleSource;
import org.xomni.data.SampleStream;
import org.xomni.data.Seeds;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FlowMatchScheduler;
import org.xomni.decoder.FluxTransformer;
import org.xomni.decoder.LatentPacking;
import org.xomni.decoder.SchedulerConfig;
import org.xomni.decoder.Vae;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;
import org.xomni.tokenizer.ImageTokenizer;

/**
 * The diffusion decoder (paper section 3.3): flow matching from the tokens of real images, tokenizer and autoencoder frozen.
 *
 * <pre>
 * x_0 = latents of the image, n ~ N(0, 1), s = sigmoid(N(0, 1))
 * x_s = (1 - s) x_0 + s n                loss = |v(x_s, s, tokens) - (n - x_0)|^2
 * </pre>
 *
 * Features of single positions are dropped at random and the others scaled up, as dropout does; for
 * guidance, some images lose all of theirs.
 */
public final class DecoderStage implements Stage {
    private static final int SHEET_STEPS = 8;
    /** Noise levels at even distances, as in training by the number of positions nothing is shifted. */
    private static final SchedulerConfig EVEN = new SchedulerConfig(1000, false, 1, 0.5, 1.15, 256, 4096);

    /**
     * What this stage's recipe says beside the loop.
     *
     * @param batch images
     * @param dropTokens probability that a position loses its features
     * @param dropImages probability that an image loses all features
     */
    public record Settings(int batch, double dropTokens, double dropImages) {
        public Settings {
            if (batch < 1 || !(dropTokens >= 0 && dropTokens < 1) || !(dropImages >= 0 && dropImages < 1)) {
                throw new InputException("batch " + batch + " must be at least 1, drop-tokens " + dropTokens + " and drop-images " + dropImages
                        + " probabilities from 0 and below 1");
            }
        }
    }

    private final Settings settings;
    private final long seed;
    private final ConfigFile config;
    private final ImageTokenizer tokenizer;
    private final Vae vae;
    private final FluxTransformer transformer;
    private final PictureBatches batches;

    /**
     * A decoder without a text stream ({@link Conditioning.TokensOnly}).
     *
     * @param config the decoder's {@code config.json}
     * @param start a folder with weights to start from, of which those of a prompt are not used, or null for fresh ones
     * @param tokenizer frozen; this stage closes it
     * @param vae frozen; this stage closes it
     * @param source of pictures; this stage closes it
     * @param threads that make samples
     */
    public DecoderStage(
            ConfigFile config, @Nullable Path start, ImageTokenizer tokenizer, Vae vae, Settings settings, long seed, Numerics numerics,
            SampleSource source, int threads) {
        this.settings = settings;
        this.seed = seed;
        this.config = config;
        this.tokenizer = tokenizer;
        this.vae = vae;
        // Gates begin at zero, so that every block begins as the identity, and the output at zero (Peebles and Xie 2023).
        var initial = Initial.scaled(seed, 0, (name, fanIn) -> name.contains("norm1.linear") || name.contains("norm.linear")
                || name.contains("norm_out.linear") || name.startsWith("proj_out") ? 0 : 1);
        try (ShardedSafetensors stored = start == null ? null : ShardedSafetensors.open(start, "diffusion_pytorch_model")) {
            String name = start == null ? "the decoder" : start.toString();
            this.transformer = new FluxTransformer(DecoderConfig.of(config), Conditioning.Kind.TOKENS_ONLY,
                    ParameterStore.trainable(name, stored == null ? Map.of() : stored.tensors(), initial, numerics));
        }
        this.batches = new PictureBatches(source, settings.batch(), threads);
    }

    @Override
    public List<ParameterGroup> groups() {
        return List.of(ParameterGroup.all("decoder", transformer.parameters()));
    }

    @Override
    public Loss gradients(long step, int microBatch, int accumulate) {
        return loss(step, microBatch, accumulate).backward();
    }

    private Loss loss(long step, int microBatch, int accumulate) {
        BucketBatcher.Batch batch = batches.next();
        List<Pixels> pictures = PictureBatches.pixels(batch);
        try (Randomness noise = new Randomness(Seeds.mix(seed, step, microBatch))) {
            Latents seen = latents(pictures, noise);
            Tensor x0_BLC = seen.x0_BLC();
            long images = x0_BLC.size(0);
            Tensor noise_BLC = Tensors.normal(noise, Tensors.shape(x0_BLC)).to(x0_BLC.device(), x0_BLC.scalar_type());
            Tensor s_B = Tensors.normal(noise, images).sigmoid().to(x0_BLC.device(), ScalarType.Float);
            Tensor x_BLC = x0_BLC.add(noise_BLC.sub(x0_BLC).mul(s_B.view(images, 1, 1)));
            Tensor kept_BLT = seen.features_BLT().mul(kept(noise, images, x0_BLC.size(1)).to(x0_BLC.device(), ScalarType.Float));
            Tensor velocity_BLC = velocity(x_BLC, s_B, kept_BLT, seen.height(), seen.width());
            Tensor loss = torch.mse_loss(velocity_BLC.to(ScalarType.Float), noise_BLC.sub(x0_BLC).to(ScalarType.Float));
            return new Loss(loss, batches.share(batch) / accumulate, Map.of(), images, images * x0_BLC.size(1));
        }
    }

    /** What the frozen parts make of pictures: packed latents, and features of the tokens, of a grid of {@code height x width}. */
    private record Latents(Tensor x0_BLC, Tensor features_BLT, int height, int width) {}

    private Latents latents(List<Pixels> pictures, Randomness noise) {
        try (Scope frozen = Scope.frozen()) {
            Tensor latents_BZYX = vae.scaled(vae.encode(Pictures.batch(pictures)).sample(noise));
            List<ImageTokens> tokens = tokenizer.encode(pictures);
            return new Latents(
                    frozen.keep(LatentPacking.pack(latents_BZYX.contiguous())),
                    // The tokenizer's own tensors can take no part in training.
                    frozen.keep(tokenizer.features(tokens).clone()),
                    tokens.getFirst().height(),
                    tokens.getFirst().width());
        }
    }

    private Tensor velocity(Tensor x_BLC, Tensor s_B, Tensor features_BLT, int height, int width) {
        return transformer.forward(
                x_BLC, s_B, torch.ones_like(s_B), new Conditioning.TokensOnly(features_BLT), transformer.rope(0, height, width));
    }

    /** What features are multiplied by: 0 where they are dropped, else what keeps their mean; [B, L, 1]. */
    private Tensor kept(Randomness random, long images, long positions) {
        double keep = 1 - settings.dropTokens();
        Tensor tokens_BL1 = uniform(random, images, positions, 1).lt(new Scalar(keep)).to(ScalarType.Float).div(new Scalar(keep));
        Tensor whole_B11 = uniform(random, images, 1, 1).ge(new Scalar(settings.dropImages())).to(ScalarType.Float);
        return tokens_BL1.mul(whole_B11);
    }

    private static Tensor uniform(Randomness random, long... shape) {
        return torch.rand(shape, new GeneratorOptional(random.generator()), new TensorOptions(ScalarType.Float));
    }

    @Override
    public String position() {
        return batches.position();
    }

    @Override
    public SampleStream.Skipped skipped() {
        return batches.skipped();
    }

    @Override
    public void resume(String position) {
        batches.resume(position);
    }

    @Override
    public void export(Path folder, Map<String, Tensor> weights) {
        Path decoder = folder.resolve("model").resolve("decoder");
        Exports.safetensors(decoder.resolve("diffusion_pytorch_model.safetensors"), "decoder", weights);
        Exports.config(decoder.resolve("config.json"), config, Map.of());
    }

    @Override
    public boolean sheet(Path file) {
        try (Scope scope = Scope.inference(); Randomness noise = new Randomness(seed)) {
            List<Pixels> originals = PictureBatches.pixels(batches.first(16));
            List<ImageTokens> tokens = tokenizer.encode(originals);
            int height = tokens.getFirst().height();
            int width = tokens.getFirst().width();
            Tensor features_BLT = tokenizer.features(tokens);
            FlowMatchScheduler.Schedule schedule = new FlowMatchScheduler(EVEN).schedule(SHEET_STEPS, height * width);
            Tensor x_BLC = Tensors.normal(noise, originals.size(), (long) height * width, transformer.config().inChannels())
                    .to(features_BLT.device(), ScalarType.Float);
            for (int i = 0; i < schedule.steps(); i++) {
                Tensor s_B = torch.full(new long[] {originals.size()}, new Scalar(schedule.sigmas()[i]), x_BLC.options());
                x_BLC = schedule.advance(x_BLC, velocity(x_BLC, s_B, features_BLT, height, width).to(ScalarType.Float), i);
            }
            Pictures.pairs(file, originals, vae.decode(vae.unscaled(LatentPacking.unpack(x_BLC, height, width))));
            return true;
        }
    }

    @Override
    public void close() {
        batches.close();
        tokenizer.close();
        vae.close();
        transformer.close();
    }
}
