package org.xomni;

/**
 * An answer.
 *
 * @param text what it says
 * @param tokens its vocabulary ids, without the one that ended it
 * @param whole whether the model ended it; otherwise the limit did
 */
@SuppressWarnings("ArrayRecordComponent")
public record Reply(String text, int[] tokens, boolean whole) {}
