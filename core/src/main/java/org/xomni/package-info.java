/**
 * X-Omni in a Java process: {@link org.xomni.XOmni} loads a checkpoint and draws, answers, tokenizes and detokenizes.
 *
 * <table>
 * <caption>Where the paper's parts are</caption>
 * <tr><td>semantic image tokenizer</td><td>{@code org.xomni.tokenizer}</td></tr>
 * <tr><td>unified autoregressive model</td><td>{@code org.xomni.autoregressive}</td></tr>
 * <tr><td>diffusion decoder</td><td>{@code org.xomni.decoder}</td></tr>
 * </table>
 */
@NullMarked
package org.xomni;

import org.jspecify.annotations.NullMarked;
