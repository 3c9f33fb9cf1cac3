/** TODO autoregressive. */
@NullMarked
package org.xomni.autoregressive;

import org.jspecify.annotations.NullMarked;
