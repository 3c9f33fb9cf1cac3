/**
 * The HTTP server: an OpenAI-compatible API and a web page over {@link org.xomni.ServingEngine}. It knows the facade, images and JSON, nothing of the
 * models below.
 */
@NullMarked
package org.xomni.server;

import org.jspecify.annotations.NullMarked;
