package org.xomni.decoder;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.Conv2d;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;

/**
 * The variational autoencoder between pixels -1..1 [B, 3, Y, X] and latents [B, Z, Y/f, X/f] ({@code AutoencoderKL}). Latents here are the
 * autoencoder's own; {@link #scaled} and {@link #unscaled} go to and from those that the diffusion transformer sees.
 */
public final class Vae implements AutoCloseable {
    private static final double LEAST_LOG_VARIANCE = -30;
    private static final double MOST_LOG_VARIANCE = 20;

    /**
     * A Gaussian over latents.
     *
     * @param mean [B, Z, Y/f, X/f]
     * @param logVariance the same shape, within -30..20
     */
    public record Posterior(Tensor mean, Tensor logVariance) {

        /** {@code mean + exp(logVariance / 2) noise}. */
        public Tensor sample(Randomness randomness) {
            Tensor noise = Tensors.normal(randomness, Tensors.shape(mean)).to(mean.device(), mean.scalar_type());
            return mean.add(logVariance.mul(new Scalar(0.5)).exp().mul(noise));
        }
    }

    private final VaeConfig config;
    private final ParameterStore store;
    private final Numerics numerics;
    private final VaeLayers encoder;
    private final VaeLayers decoder;
    private final @Nullable Conv2d quant;
    private final @Nullable Conv2d postQuant;

    /**
     * The autoencoder over a store's parameters, which it owns from now on.
     *
     * @throws org.xomni.tensor.CheckpointException if parameters are missing or have other shapes than the config says
     */
    public Vae(VaeConfig config, ParameterStore store) {
        Parameters p = store.root();
        long z = config.latentChannels();
        this.config = config;
        this.store = store;
        this.numerics = p.numerics();
        this.encoder = VaeLayers.encoder(p.at("encoder"), config);
        this.decoder = VaeLayers.decoder(p.at("decoder"), config);
        this.quant = config.useQuantConv() ? Conv2d.of(p.at("quant_conv"), 2 * z, 2 * z, 1) : null;
        this.postQuant = config.usePostQuantConv() ? Conv2d.of(p.at("post_quant_conv"), z, z, 1) : null;
        store.check();
    }

    /**
     * Loads {@code config.json} and {@code diffusion_pytorch_model*.safetensors} of a folder.
     *
     * @throws org.xomni.tensor.CheckpointException if something is missing, damaged or contradictory
     */
    public static Vae load(Path folder, Numerics numerics) {
        VaeConfig config = VaeConfig.of(ConfigFile.read(folder.resolve("config.json")));
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "diffusion_pytorch_model");
        return new Vae(config, ParameterStore.of(folder.toString(), weights.tensors(), List.of(weights), numerics));
    }

    public VaeConfig config() {
        return config;
    }

    /** The parameters by checkpoint name. */
    public ParameterStore parameters() {
        return store;
    }

    /** Pixels -1..1 to latents; both sides must be multiples of {@link VaeConfig#downscale}. Call it within a {@link Scope}. */
    public Posterior encode(Tensor pixels_B3YX) {
        Tensor moments = encoder.forward(compute(pixels_B3YX));
        if (quant != null) {
            moments = quant.forward(moments);
        }
        long z = config.latentChannels();
        ScalarOptional least = new ScalarOptional(new Scalar(LEAST_LOG_VARIANCE));
        ScalarOptional most = new ScalarOptional(new Scalar(MOST_LOG_VARIANCE));
        return new Posterior(moments.narrow(1, 0, z), moments.narrow(1, z, z).clamp(least, most));
    }

    /** Latents to pixels, about -1..1. Call it within a {@link Scope}. */
    public Tensor decode(Tensor latents_BZYX) {
        Tensor z = compute(latents_BZYX);
        return decoder.forward(postQuant == null ? z : postQuant.forward(z));
    }

    /** Latents to pixels by overlapping tiles: less memory for large images, equal to {@link #decode} where one tile covers all. */
    public Tensor decodeTiled(Tensor latents_BZYX, Tiles tiles) {
        return tiles.map(latents_BZYX, 3, config.downscale(), this::decode);
    }

    /** Latents as the diffusion transformer sees them. */
    public Tensor scaled(Tensor latents) {
        return latents.sub(new Scalar(config.shiftFactor())).mul(new Scalar(config.scalingFactor()));
    }

    /** The autoencoder's latents from those of the diffusion transformer. */
    public Tensor unscaled(Tensor latents) {
        return latents.div(new Scalar(config.scalingFactor())).add(new Scalar(config.shiftFactor()));
    }

    private Tensor compute(Tensor x) {
        return x.to(numerics.torchDevice(), numerics.computeType());
    }

    @Override
    public void close() {
        store.close();
    }
}
