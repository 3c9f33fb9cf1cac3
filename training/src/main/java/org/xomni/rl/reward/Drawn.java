package org.xomni.rl.reward;

import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;

/** What is judged: a picture that was drawn for a prompt, and its tokens. */
public record Drawn(Prompt prompt, Pixels picture, ImageTokens tokens) {}
