/**
 * Text in and out of the models.
 * <ul>
 * <li>{@link org.xomni.text.TextTokenizer}: the unified model's byte-level BPE tokenizer (Qwen2 format), with the control tokens of
 *     X-Omni ({@code <SOM>}, {@code <IMAGE>}, {@code <EOM>}, {@code <MM-Token-k>}); {@link org.xomni.text.TextStream} decodes token by
 *     token.
 * <li>{@link org.xomni.text.Span}: a stretch of a prompt, which says whether control tokens count in it. User text is only text.
 * <li>{@link org.xomni.text.ChatTemplate} and {@link org.xomni.text.Message}: a conversation as the checkpoint's own template
 *     writes it.
 * <li>{@link org.xomni.text.ClipTokenizer} and {@link org.xomni.text.T5Tokenizer}: the FLUX decoder's prompt, for its two
 *     text encoders.
 * </ul>
 */
@NullMarked
package org.xomni.text;

import org.jspecify.annotations.NullMarked;
