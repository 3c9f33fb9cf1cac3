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
import org.xomni.train.ParameterGroup;

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
    /** Nothing if s stays 0. */
    private final @Nullable Scale scale;

    /**
     * The scale and what moves it.
     *
     * @param log s, one number
     * @param adam its own
     */
    private record Scale(Tensor log, AdamW adam) {
        static Scale of(AdamW.Settings constants, double rate) {
            Tensor log = Tensors.of(new float[1], 1).retainReference();
            return new Scale(log, new AdamW(List.of(new ParameterGroup(Map.of(SCALE, log), rate)), new AdamW.Settings(constants.betas(), constants.eps(), 0, 0)));
        }

        double now() {
            return log.item_float();
        }

        /** Moves s against its gradient. */
        void step(double learningRate, double gradient) {
            try (Scope scope = Scope.plain()) {
                log.mul(new Scalar(gradient)).sum().backward();
            }
            adam.step(learningRate, Math.abs(gradient));
        }
    }

    /**
     * Takes over the policy's parameters.
     *
     * @param scaleRate of s, a factor on the learning rate; 0 leaves it at 0
     */
    PolicyOptimizer(Policy policy, AdamW.Settings constants, double scaleRate) {
        this.adamW = new AdamW(List.of(policy.trained()), constants);
        this.scale = scaleRate > 0 ? Scale.of(constants, scaleRate) : null;
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
        return scale == null ? 1 : Math.exp(scale.now());
    }

    /**
     * One step along the gradients, which are cleared.
     *
     * @param norm the gradients' global norm, by which those of the parameters are clipped
     */
    void step(double learningRate, double norm) {
        if (scale == null) {
            adamW.step(learningRate, norm);
            return;
        }
        double before = scale.now();
        scale.step(learningRate, adamW.scaleGradient(GAIN));
        adamW.step(learningRate, norm);
        double change = scale.now() - before;
        adamW.change(GAIN, gain -> gain.mul_(new Scalar(Math.exp(change))));
    }

    /** All that a later run needs to go on exactly: tensors by name. */
    Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>(adamW.state());
        if (scale != null) {
            state.putAll(scale.adam().state());
        }
        return state;
    }

    /** Goes on after so many steps, when {@link #state} has been filled with the values of that time. */
    void resume(long steps) {
        adamW.resume(steps);
        if (scale != null) {
            scale.adam().resume(steps);
        }
    }

    @Override
    public void close() {
        adamW.close();
        if (scale != null) {
            scale.adam().close();
            scale.log().releaseReference();
        }
    }
}
