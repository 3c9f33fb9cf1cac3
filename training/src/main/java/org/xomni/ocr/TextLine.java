package org.xomni.ocr;

/**
 * A line of text found in a picture.
 *
 * @param text as recognised, not normalised; never empty
 * @param confidence mean probability of its characters, 0..1
 */
public record TextLine(TextBox box, String text, double confidence) {}
