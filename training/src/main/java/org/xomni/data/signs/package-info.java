/**
 * The signs world: procedural pictures with exact captions and questions, any number of them, from a seed. It is all that the default model
 * has seen.
 * <ul>
 * <li>{@link org.xomni.data.signs.Scene}: what a picture shows, checked; {@link org.xomni.data.signs.Painter} draws it.
 * <li>{@link org.xomni.data.signs.Scenes}: random scenes; {@link org.xomni.data.signs.Words}: what stands on them;
 *     {@link org.xomni.data.signs.Split}: what training never sees.
 * <li>{@link org.xomni.data.signs.Captions} and {@link org.xomni.data.signs.Questions}: a scene in words.
 * <li>{@link org.xomni.data.signs.SignsWorld}: the endless source of samples.
 * <li>{@link org.xomni.data.signs.SignsVocabulary}: the tokenizer for it, in the Qwen2 format.
 * </ul>
 *
 * <p>Everything stands on the grid of 16-pixel cells that the image tokenizer reads: a character is one cell wide and two high, a shape is
 * two by two, so that a glyph always falls into its tokens in the same way.
 */
@NullMarked
package org.xomni.data.signs;

import org.jspecify.annotations.NullMarked;
