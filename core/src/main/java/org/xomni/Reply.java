package org.xomni;

/**
 * An answer.
 *
 * @param text what it says
 * @param tokens its vocabulary ids, without the one that ended it
 */
@SuppressWarnings("ArrayRecordComponent")
public record Reply(String text, int[] tokens) {}
