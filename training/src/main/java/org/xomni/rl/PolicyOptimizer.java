package org.xomni.rl;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.train.AdamW;

/**
 * AdamW over the policy, and beside it Adam over one number more: the scale s of the image logits, which says how sure the policy is of what it draws.
 *
 * <pre>
 * logits = e^s W (gain * x / rms x)          dL/ds = sum over gain of gain dL/dgain
 * </pre>
 *
 * e^s is no parameter of its own: it is multiplied into the gains of the norm before the image head. These could scale logits by themselves, but at a rate that suits matrices each
 * hardly moves within a run, and their gradients are noisier than their sum.
 */
final class PolicyOptimizer implements AutoCloseable {
    private static final String GAIN = Policy.COMPONENT + UnifiedModel.IMAGE_NORM;
    private static final String SCALE = "logit-scale";

    private final AdamW adamW;
    private final AdamW.Settings constants;
    private final double scaleRate;
    /** s, and Adam's running means of its gradient and of the gradient's square; nothing if s stays 0. */
    private final @Nullable Tensor scale;
    private long steps;

    /**
     * Takes over the policy's parameters.
     *
     * @param scaleRate of s, a factor on the learning rate; 0 leaves it at 0
     */
    PolicyOptimizer(Policy policy, AdamW.Settings constants, double scaleRate) {
        this.adamW = new AdamW(List.of(policy.trained()), constants);
        this.constants = constants;
        this.scaleRate = scaleRate;
        this.scale = scaleRate > 0 ? Tensors.of(new float[3], 3).retainReference() : null;
    }

    /** {@link AdamW#count()}. */
    long count() {
        return adamW.count();
    }

    /** {@link AdamW#masters()}. */
    Map<String, Tensor> masters() {
        return adamW.masters();
    }

    /** {@link AdamW#gradientNorm()}. */
    double gradientNorm() {
        return adamW.gradientNorm();
    }

    /** e^s: what the logits have been multiplied by since the run began, other changes of the weights aside. */
    double logitScale() {
        return scale == null ? 1 : Math.exp(Tensors.floats(scale)[0]);
    }

    /**
     * One step along the gradients, which are cleared.
     *
     * @param norm the gradients' global norm, by which those of the parameters are clipped
     */
    void step(double learningRate, double norm) {
        steps++;
        if (scale == null) {
            adamW.step(learningRate, norm);
            return;
        }
        double beta1 = constants.betas().get(0);
        double beta2 = constants.betas().get(1);
        double gradient = adamW.scaleGradient(GAIN);
        float[] now = Tensors.floats(scale);
        double mean = beta1 * now[1] + (1 - beta1) * gradient;
        double square = beta2 * now[2] + (1 - beta2) * gradient * gradient;
        double direction = mean / (1 - Math.pow(beta1, steps)) / (Math.sqrt(square / (1 - Math.pow(beta2, steps))) + constants.eps());
        double change = -learningRate * scaleRate * direction;
        adamW.step(learningRate, norm);
        adamW.change(GAIN, gain -> gain.mul_(new Scalar(Math.exp(change))));
        try (Scope scope = Scope.plain()) {
            scale.copy_(Tensors.of(new float[] {(float) (now[0] + change), (float) mean, (float) square}, 3));
        }
    }

    /** All that a later run needs to go on exactly: tensors by name. */
    Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>(adamW.state());
        if (scale != null) {
            state.put(SCALE, scale);
        }
        return state;
    }

    /** Goes on after so many steps, when {@link #state} has been filled with the values of that time. */
    void resume(long steps) {
        this.steps = steps;
        adamW.resume(steps);
    }

    @Override
    public void close() {
        adamW.close();
        if (scale != null) {
            scale.releaseReference();
        }
    }
}
