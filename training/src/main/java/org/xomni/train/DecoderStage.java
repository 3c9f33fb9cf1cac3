package org.xomni.train;

// Shapes: B images, L image positions, C channels of packed latents, T width of token features, h x w tokens.

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.data.BucketBatcher;
import org.xomni.data.Picture;
import org.xomni.data.SampleSource;
import org.xomni.data.Seeds;
import org.xomni.decoder.AxialRope;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.decoder.LatentPacking;
import org.xomni.decoder.Vae;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
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
 * Features of single positions are dropped with {@code drop_token_prob} of the decoder's config and the others scaled up, as dropout does; for
 * guidance, some images lose all of theirs.
 */
public final class DecoderStage implements Stage {
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
    private final SampleSource source;
    private final int threads;
    private final Numerics numerics;
    private final ImageTokenizer tokenizer;
    private final Vae vae;
    private final FluxTransformer transformer;
    private BucketBatcher batcher;
    private BucketBatcher.State position = BucketBatcher.State.START;

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
        this.source = source;
        this.threads = threads;
        this.numerics = numerics;
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
        this.batcher = new BucketBatcher(source, position, settings.batch(), threads);
    }

    @Override
    public List<ParameterGroup> groups() {
        return List.of(ParameterGroup.all("decoder", transformer.parameters()));
    }

    @Override
    public Loss loss(long step, int microBatch) {
        BucketBatcher.Batch batch = batcher.next();
        position = batch.after();
        List<Pixels> pictures = pictures(batch);
        SplittableRandom random = new SplittableRandom(Seeds.mix(seed, step, microBatch));
        try (Randomness noise = new Randomness(random.nextLong())) {
            Tensor x0_BLC;
            Tensor features_BLT;
            int[] grid;
            try (Scope frozen = Scope.frozen()) {
                Tensor latents = vae.scaled(vae.encode(Pictures.batch(pictures)).sample(noise));
                x0_BLC = frozen.keep(LatentPacking.pack(latents.contiguous()));
                List<ImageTokens> tokens = tokenizer.encode(pictures);
                grid = new int[] {tokens.getFirst().height(), tokens.getFirst().width()};
                features_BLT = frozen.keep(features(tokens).clone());
            }
            long images = x0_BLC.size(0);
            Tensor noise_BLC = Tensors.normal(noise, Tensors.shape(x0_BLC)).to(x0_BLC.scalar_type());
            Tensor s_B = Tensors.normal(noise, images).sigmoid();
            Tensor s_B11 = s_B.view(images, 1, 1);
            Tensor x_BLC = x0_BLC.add(noise_BLC.sub(x0_BLC).mul(s_B11));
            Tensor kept_BLT = features_BLT.mul(kept(noise, images, features_BLT.size(1)));
            Tensor velocity = transformer.forward(x_BLC, s_B, torch.ones_like(s_B), new Conditioning.TokensOnly(kept_BLT), transformer.rope(0, grid[0], grid[1]));
            Tensor loss = torch.mse_loss(velocity.to(ScalarType.Float), noise_BLC.sub(x0_BLC).to(ScalarType.Float));
            return new Loss(loss, new LinkedHashMap<>(), images, images * features_BLT.size(1));
        }
    }

    private static List<Pixels> pictures(BucketBatcher.Batch batch) {
        List<Pixels> pictures = new ArrayList<>();
        for (Picture picture : batch.pictures()) {
            if (!(picture instanceof Picture.Raw(Pixels pixels))) {
                throw new InputException("the decoder learns from pictures, not from tokens; name a source of pictures in the recipe");
            }
            pictures.add(pixels);
        }
        return pictures;
    }

    /** Features of all images, fp32 [B, L, T]. */
    private Tensor features(List<ImageTokens> tokens) {
        return tokenizer.features(tokens);
    }

    /** What features are multiplied by: 0 where they are dropped, else what keeps their mean; [B, L, 1]. */
    private Tensor kept(Randomness random, long images, long positions) {
        double keep = 1 - settings.dropTokens();
        Tensor tokens = torch.rand(new long[] {images, positions, 1}, new org.bytedeco.pytorch.GeneratorOptional(random.generator()),
                new org.bytedeco.pytorch.TensorOptions(ScalarType.Float)).lt(new Scalar(keep)).to(ScalarType.Float).div(new Scalar(keep));
        Tensor whole = torch.rand(new long[] {images, 1, 1}, new org.bytedeco.pytorch.GeneratorOptional(random.generator()),
                new org.bytedeco.pytorch.TensorOptions(ScalarType.Float)).ge(new Scalar(settings.dropImages())).to(ScalarType.Float);
        return tokens.mul(whole);
    }

    @Override
    public String position() {
        return Json.mapper().writeValueAsString(position);
    }

    @Override
    public void resume(String json) {
        batcher.close();
        position = Json.mapper().readValue(json, BucketBatcher.State.class);
        batcher = new BucketBatcher(source, position, settings.batch(), threads);
    }

    @Override
    public void export(Path folder, Map<String, Tensor> weights) {
        Path decoder = folder.resolve("model").resolve("decoder");
        Exports.safetensors(decoder.resolve("diffusion_pytorch_model.safetensors"), "decoder", weights);
        Exports.config(decoder.resolve("config.json"), config, Map.of());
    }

    @Override
    public boolean sheet(Path file) {
        try (Scope scope = Scope.inference();
                BucketBatcher batches = new BucketBatcher(source, BucketBatcher.State.START, 16, threads);
                Randomness noise = new Randomness(seed)) {
            List<Pixels> originals = pictures(batches.next());
            List<ImageTokens> tokens = tokenizer.encode(originals);
            int h = tokens.getFirst().height();
            int w = tokens.getFirst().width();
            Tensor features = features(tokens);
            Tensor x = Tensors.normal(noise, originals.size(), (long) h * w, transformer.config().inChannels());
            int steps = 8;
            for (int i = 0; i < steps; i++) {
                double s = 1 - i / (double) steps;
                Tensor level = torch.full(new long[] {originals.size()}, new Scalar(s), new org.bytedeco.pytorch.TensorOptions(ScalarType.Float));
                Tensor velocity = transformer.forward(x, level, torch.ones_like(level), new Conditioning.TokensOnly(features), transformer.rope(0, h, w));
                x = x.add(velocity.to(ScalarType.Float), new Scalar(-1.0 / steps));
            }
            Tensor pixels = vae.decode(vae.unscaled(LatentPacking.unpack(x, h, w)));
            List<Pixels> tiles = new ArrayList<>();
            for (int i = 0; i < originals.size(); i++) {
                tiles.add(originals.get(i));
                tiles.add(Pictures.pixels(pixels.narrow(0, i, 1)));
            }
            Pictures.sheet(file, tiles, 8);
            return true;
        }
    }

    @Override
    public void close() {
        batcher.close();
        source.close();
        tokenizer.close();
        vae.close();
        transformer.close();
    }
}
