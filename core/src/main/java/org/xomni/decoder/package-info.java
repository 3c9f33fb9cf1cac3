/** TODO decoder. */
@NullMarked
package org.xomni.decoder;

import org.jspecify.annotations.NullMarked;
