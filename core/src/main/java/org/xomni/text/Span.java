package org.xomni.text;

/**
 * A stretch of a prompt. Stretches of text that meet are encoded together, as if they were one string, but a control token is recognised
 * only inside one {@link Trusted} span: it never crosses a seam.
 */
public sealed interface Span {
    /** Text that the program wrote: control tokens in it count. */
    record Trusted(String text) implements Span {}

    /** Text that somebody else wrote: everything in it, {@code <|im_end|>} and {@code <SOM>} included, is ordinary characters. */
    record Plain(String text) implements Span {}

    /** Vocabulary ids that are ready, such as the tokens of an image. The array is not copied. */
    @SuppressWarnings("ArrayRecordComponent")
    record Ids(int[] ids) implements Span {}
}
