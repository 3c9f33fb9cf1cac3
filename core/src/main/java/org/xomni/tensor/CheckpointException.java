package org.xomni.tensor;

/** A checkpoint that cannot be used: a file is missing, truncated, corrupt or hostile, or its contents do not fit its configuration. */
public class CheckpointException extends InputException {
    private static final long serialVersionUID = 1L;

    public CheckpointException(String message) {
        super(message);
    }

    public CheckpointException(String message, Throwable cause) {
        super(message, cause);
    }
}
