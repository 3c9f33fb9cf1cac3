/** The command line: one class per command, over the facade {@link org.xomni.XOmni}. Options and JSON are stable; scripts depend on them. */
@NullMarked
package org.xomni.cli;

import org.jspecify.annotations.NullMarked;
