package peers;

import java.util.List;
import java.util.Locale;
import java.util.Scanner;
import java.util.concurrent.CountDownLatch;

/** The rounds that the driver asks for. */
final class Rounds {
    private static volatile boolean stop;

    private static final class Worker extends Thread {
        final Row row;
        final CountDownLatch begin;
        double ns;
        long chunks, wrong;

        Worker(Row row, CountDownLatch begin) {
            this.row = row;
            this.begin = begin;
        }

        @Override
        public void run() {
            begin.countDown();
            try {
                begin.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            long began = System.nanoTime();
            do {
                wrong += row.chunk().run();
                chunks++;
            } while (!stop);
            ns = System.nanoTime() - began;
        }
    }

    /** Runs a row on all threads at once; says ns per call of a thread. */
    private static String round(Row row, int threads, int ms)
            throws InterruptedException {
        Worker[] workers = new Worker[threads];
        CountDownLatch begin = new CountDownLatch(threads);
        stop = false;
        for (int i = 0; i < threads; i++)
            (workers[i] = new Worker(row, begin)).start();
        begin.await();
        Thread.sleep(ms);
        stop = true;
        double ns = 0, calls = 0;
        long wrong = 0;
        for (Worker worker : workers) {
            worker.join();
            ns += worker.ns;
            calls += (double) worker.chunks * Row.CALLS;
            wrong += worker.wrong;
        }
        return wrong == 0 ? String.format(Locale.ROOT, "%.3f", ns / calls)
                : wrong + " wrong results";
    }

    /** Answers the driver until it hangs up. */
    static void serve(List<Row> rows) throws InterruptedException {
        for (Row row : rows)
            System.out.println(row.scene() + "\t" + row.library() + "\t64");
        System.out.println("ready " + System.getProperty("java.version"));
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String[] word = in.nextLine().split(" ");
            System.out.println(round(rows.get(Integer.parseInt(word[1])),
                    Integer.parseInt(word[2]), Integer.parseInt(word[3])));
        }
    }

    private Rounds() {
    }
}
