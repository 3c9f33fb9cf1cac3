/**
 * Memory, threads and files: the engine and who works for it, scopes, dtypes, devices, safetensors, {@code .pt} archives, named parameters. The only package that knows memory rules.
 */
@NullMarked
package org.xomni.tensor;

import org.jspecify.annotations.NullMarked;
