/**
 * Memory and files: scopes, dtypes, devices, safetensors, {@code .pt} archives, named parameters. The only package that knows memory rules.
 */
@NullMarked
package org.xomni.tensor;

import org.jspecify.annotations.NullMarked;
