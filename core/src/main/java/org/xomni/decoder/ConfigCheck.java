package org.xomni.decoder;

import org.xomni.tensor.CheckpointException;

/** The checks that the decoder's configs share. A pipeline has five {@code config.json}, so messages say whose value is wrong. */
final class ConfigCheck {
    private ConfigCheck() {}

    /** @param model what the message calls the model, such as "the VAE" */
    static void inRange(String model, String name, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw invalid(model, name + " is " + plain(value) + ", expected " + plain(least) + " to " + plain(most));
        }
    }

    static void divides(String model, String name, int value, String wholeName, int whole) {
        if (whole % value != 0) {
            throw invalid(model, wholeName + " " + whole + " is not divisible by " + name + " " + value);
        }
    }

    static CheckpointException invalid(String model, String problem) {
        return new CheckpointException(
                "the config of " + model + " cannot be used: " + problem + "; restore it from the original checkpoint");
    }

    private static String plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? Long.toString((long) value) : Double.toString(value);
    }
}
