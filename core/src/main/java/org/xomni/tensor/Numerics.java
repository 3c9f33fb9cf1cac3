package org.xomni.tensor;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Where and in which precision a component computes.
 *
 * @param weights the type in which matrices are held
 * @param compute the type of activations, biases, norms and convolutions: that of the weights, except that bf16 weights meet fp32 activations on
 *     CPUs without bf16 hardware
 * @param quantization of linear layers
 * @param device {@code cpu}, {@code cuda} or {@code cuda:i}
 */
public record Numerics(DType weights, DType compute, Quantization quantization, String device) {

    public Numerics {
        if (weights != DType.FLOAT32 && weights != DType.BFLOAT16 && weights != DType.FLOAT16) {
            throw new InputException("weights cannot be held as " + weights + "; use float32 or bfloat16");
        }
        if (weights == DType.FLOAT16 && device.equals("cpu")) {
            throw new InputException("float16 is slow and inexact on the CPU; use --dtype float32 or bfloat16");
        }
        if (!device.matches("cpu|cuda(:\\d{1,3})?")) {
            throw new InputException("device '" + device + "' is not known; use cpu, cuda or cuda:0");
        }
        if (quantization == Quantization.INT8 && !device.equals("cpu")) {
            throw new InputException("int8 weights are for the CPU; leave --quantize out, or use --device cpu");
        }
        if (!device.equals("cpu")) {
            Engine.requireCuda(device);
        }
    }

    /** Weights of one type on the CPU; activations in the type that is fast there. */
    public static Numerics cpu(DType weights) {
        return on("cpu", weights, Quantization.NONE);
    }

    /** Weights of one type on a device; activations in the type that is fast there. */
    public static Numerics on(String device, DType weights, Quantization quantization) {
        boolean upcast = device.equals("cpu") && weights == DType.BFLOAT16 && !CpuFeatures.bfloat16();
        return new Numerics(weights, upcast ? DType.FLOAT32 : weights, quantization, device);
    }

    /**
     * What the user asked for, or else what suits a checkpoint.
     *
     * @param asked the user's {@code --dtype}, or null for the checkpoint's own; fp16 checkpoints are held as fp32 on the CPU
     * @param stored the type that most of the checkpoint's elements have
     */
    public static Numerics of(@Nullable DType asked, DType stored, Quantization quantization, String device) {
        DType own = switch (stored) {
            case BFLOAT16 -> DType.BFLOAT16;
            case FLOAT16 -> device.equals("cpu") ? DType.FLOAT32 : DType.FLOAT16;
            default -> DType.FLOAT32;
        };
        return on(device, asked != null ? asked : own, quantization);
    }

    public boolean onCpu() {
        return device.equals("cpu");
    }

    /** The type of activations, as libtorch calls it. */
    public ScalarType computeType() {
        return compute.scalarType();
    }

    /** Options for activations. */
    public TensorOptions computeOptions() {
        return new TensorOptions(compute.scalarType()).device(new DeviceOptional(torchDevice()));
    }

    /** A tensor on this device, of the type that it has; itself where it is there already. */
    public Tensor place(Tensor tensor) {
        return onCpu() ? tensor : tensor.to(torchDevice(), tensor.scalar_type());
    }

    /** libtorch's device. */
    public Device torchDevice() {
        return new Device(device);
    }
}
