package org.xomni.data;

/** A record that cannot be used: damaged, or refused by a filter. Its message names the record and says why. */
public final class BrokenSample extends Exception {
    private static final long serialVersionUID = 1;

    public BrokenSample(String message) {
        super(message);
    }

    public BrokenSample(String message, Throwable cause) {
        super(message, cause);
    }
}
