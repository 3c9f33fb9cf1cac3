package org.xomni.cli;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.decoder.AxialRope;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tokenizer.EncoderConfig;
import org.xomni.tokenizer.VectorQuantizer;
import org.xomni.tokenizer.VisionTransformer;
import org.xomni.tokenizer.VitConfig;

/** The speed of both ends: pixels to tokens, and tokens to latents. Images are square, of {@code --context} tokens rounded down to a square. */
final class VisionBench {
    private static final int PATCH = 16;
    private static final int LATENT_CHANNELS = 64;

    private VisionBench() {}

    /** Images tokenized a second: ViT and quantiser. */
    static void tokenizer(BenchCommand shape, Numerics numerics, Map<String, Object> line) {
        int side = side(shape);
        VitConfig vit = new VitConfig(shape.hidden, shape.layers, shape.heads, PATCH, (double) shape.ffn / shape.hidden);
        EncoderConfig encoder = new EncoderConfig(vit, "siglip.pt", "projector.pt", shape.hidden, shape.imageVocab, shape.hidden);
        try (ParameterStore store = ParameterStore.random(1, 0.02, numerics)) {
            VisionTransformer model = VisionTransformer.of(store.root().at("vit"), vit, side);
            VectorQuantizer quantizer = VectorQuantizer.of(store.root().at("projector"), encoder);
            double seconds = Stopwatch.median(() -> timed(() -> {
                Tensor pixels = torch.rand(new long[] {shape.batch, 3, (long) side * PATCH, (long) side * PATCH}, numerics.computeOptions());
                Tensor features = model.forward(pixels).transpose(1, 2).reshape(shape.batch, shape.hidden, side, side);
                return quantizer.encode(features);
            }), line);
            line.put("tokens_per_image", side * side);
            line.put("images_per_s", Stopwatch.round(shape.batch / seconds));
            WeightTraffic.put(line, WeightTraffic.bytes(store.count(), numerics), 1, (long) shape.batch * side * side, seconds);
        }
    }

    /** Images walked from noise to latents a second, by the diffusion transformer conditioned on tokens; a third of the blocks are double. */
    static void decoder(BenchCommand shape, Numerics numerics, Map<String, Object> line) {
        int side = side(shape);
        int headWidth = shape.hidden / Math.max(1, shape.heads);
        int axis = headWidth / 3 / 2 * 2;
        int doubles = Math.max(1, shape.layers / 3);
        DecoderConfig config = new DecoderConfig(
                headWidth, shape.heads, List.of(headWidth - 2 * axis, axis, axis), LATENT_CHANNELS, doubles, shape.layers - doubles, shape.hidden,
                shape.hidden, shape.hidden, true);
        try (FluxTransformer model =
                new FluxTransformer(config, Conditioning.Kind.TOKENS_ONLY, ParameterStore.random(1, 0.02, numerics))) {
            AxialRope rope;
            try (Scope scope = Scope.inference()) {
                rope = model.rope(0, side, side);
                rope.cos().retainReference();
                rope.sin().retainReference();
            }
            double seconds = Stopwatch.median(() -> timed(() -> {
                long length = (long) side * side;
                TensorOptions fp32 = new TensorOptions(ScalarType.Float);
                Tensor latents = torch.randn(new long[] {shape.batch, length, LATENT_CHANNELS}, fp32).to(numerics.torchDevice(), ScalarType.Float);
                Tensor tokens = torch.randn(new long[] {shape.batch, length, shape.hidden}, fp32).to(numerics.torchDevice(), ScalarType.Float);
                Tensor sigma = torch.full(new long[] {shape.batch}, new Scalar(0.5), fp32).to(numerics.torchDevice(), ScalarType.Float);
                return model.forward(latents, sigma, sigma, new Conditioning.TokensOnly(tokens), rope);
            }), line);
            rope.cos().releaseReference();
            rope.sin().releaseReference();
            line.put("tokens_per_image", side * side);
            line.put("steps", shape.steps);
            line.put("steps_per_s", Stopwatch.round(1 / seconds));
            double image = seconds * shape.steps;
            line.put("images_per_s", Stopwatch.round(shape.batch / image));
            WeightTraffic.put(line, WeightTraffic.bytes(model.parameters().count(), numerics), shape.steps, (long) shape.batch * side * side, image);
        }
    }

    private static double timed(Supplier<Tensor> work) {
        double start = Stopwatch.now();
        try (Scope scope = Scope.inference()) {
            // Reading a value waits for a GPU.
            float[] first = Tensors.floats(work.get().flatten().narrow(0, 0, 1));
            assert first.length == 1;
        }
        return Stopwatch.now() - start;
    }

    private static int side(BenchCommand shape) {
        if (shape.hidden < 32 || shape.heads < 1 || shape.hidden % shape.heads != 0) {
            throw new InputException("--hidden " + shape.hidden + " must be at least 32 and divisible by --heads " + shape.heads);
        }
        return Math.max(1, (int) Math.sqrt(shape.context));
    }
}
