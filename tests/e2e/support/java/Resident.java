import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.security.Permission;

/** A program that is run many times in one Java machine, whose start takes longer than the program. */
public class Resident {
    /** What the program wanted the machine to exit with. */
    static class Exit extends SecurityException {
        final int status;

        Exit(int status) {
            this.status = status;
        }
    }

    /**
     * The argument is the class of the program. Each line of the input is the arguments of one run, separated by tabs. Each answer is a line
     * with the exit status and the number of bytes that follow: what the program printed, or the exception that it threw.
     */
    @SuppressWarnings("removal")
    public static void main(String[] names) throws Exception {
        Method program = Class.forName(names[0]).getMethod("main", String[].class);
        PrintStream answers = System.out;
        BufferedReader runs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setSecurityManager(new SecurityManager() {
            @Override
            public void checkExit(int status) {
                throw new Exit(status);
            }

            @Override
            public void checkPermission(Permission permission) {}
        });
        for (String line; (line = runs.readLine()) != null;) {
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            System.setOut(new PrintStream(printed, false, StandardCharsets.UTF_8));
            int status = run(program, line.split("\t", -1));
            System.out.flush();
            answers.println(status + " " + printed.size());
            printed.writeTo(answers);
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    static int run(Method program, String[] arguments) throws IllegalAccessException {
        try {
            program.invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof Exit exit) return exit.status;
            thrown.getCause().printStackTrace(System.out);
            return 1;
        }
    }
}
