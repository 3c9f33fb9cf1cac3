/**
 * Matrix-vector products on the CPU, written with the JDK's Vector API, for decoding one token at a time.
 *
 * <p>Why: such a product is bound by reading the weights, and libtorch's read them at 6.6 GB/s in fp32, 18 in bf16 and 13 in int8 on a
 * machine with AVX2 and two cores that reads about 30, and each of its operations costs 2 to 60 microseconds besides. A {@link
 * org.xomni.nn.host.HostMatrix} is a {@link org.xomni.nn.Linear} over the same memory, a {@link org.xomni.nn.host.HostVector} what it
 * multiplies, a {@link org.xomni.nn.host.Team} the threads that share the rows. Activations stay fp32 in all types.
 *
 * <p>Numbers with two threads, both cores busy with other work at the same time, best of 200 products against the best of 200 plain reads
 * of as many bytes: fp32 96 to 119% (18 to 20.5 GB/s), bf16 80 to 99% (13 to 20 GB/s), int8 54 to 69% (9 to 14 GB/s; in time still the
 * fastest). What int8 lacks is the CPU's prefetch instruction, which Java does not offer: unpacking takes so many instructions that the
 * CPU does not see the loads far ahead; the same kernel in C reaches 46 to 72% without prefetching and 84 to 97% with it. Printed by
 *
 * <pre>
 * mvn -q -pl core test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath
 * java --enable-native-access=ALL-UNNAMED --add-modules jdk.incubator.vector \
 *     -cp core/target/classes:core/target/test-classes:$(cat core/target/classpath) org.xomni.nn.host.HostMatrixBench 2
 * </pre>
 */
@NullMarked
package org.xomni.nn.host;

import org.jspecify.annotations.NullMarked;
