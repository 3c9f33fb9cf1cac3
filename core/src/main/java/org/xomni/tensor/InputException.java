package org.xomni.tensor;

/** Bad input or usage: an image, a prompt, an option or a token file that cannot be used as it is. The caller can mend it. */
public class InputException extends XOmniException {
    private static final long serialVersionUID = 1L;

    public InputException(String message) {
        super(message);
    }

    public InputException(String message, Throwable cause) {
        super(message, cause);
    }
}
