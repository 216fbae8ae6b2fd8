package peers;

/** A line of the output topic: {@code w,campaign,window start,views,now} or {@code p,campaign,event time,1,now}. */
public final class Result {
    public static String window(String campaign, long windowStartMs, long views) {
        return "w," + campaign + ',' + windowStartMs + ',' + views + ',' + System.currentTimeMillis();
    }

    public static String passed(String campaign, long eventMs) {
        return "p," + campaign + ',' + eventMs + ",1," + System.currentTimeMillis();
    }

    private Result() {}
}
