"""One sound message of each kind of Kraken, OKX and Coinbase: what fuzzing begins with."""

from typing import Any

__all__ = ["COINBASE", "KRAKEN", "OKX"]

KRAKEN: tuple[Any, ...] = (
    {
        "channel": "trade",
        "type": "update",
        "data": [
            {
                "symbol": "BTC/USD",
                "side": "buy",
                "price": 4136.4,
                "qty": 0.23374249,
                "ord_type": "limit",
                "trade_id": 44,
                "timestamp": "2023-09-25T07:49:36.925533Z",
            }
        ],
    },
    {
        "channel": "ticker",
        "type": "snapshot",
        "data": [
            {
                "symbol": "BTC/USD",
                "bid": 12.5,
                "bid_qty": 1,
                "ask": 12.6,
                "ask_qty": 2,
                "last": 12.5,
                "volume": 3,
                "low": 1,
                "high": 99.0,
            }
        ],
    },
    {
        "channel": "ohlc",
        "type": "update",
        "data": [
            {
                "symbol": "BTC/USD",
                "open": 1.5,
                "high": 2,
                "low": 1,
                "close": 1.7,
                "trades": 4,
                "volume": 9,
                "interval_begin": "2023-10-04T16:25:00Z",
                "interval": 5,
            }
        ],
    },
    {
        "channel": "instrument",
        "type": "snapshot",
        "data": {
            "assets": [],
            "pairs": [
                {
                    "symbol": "BTC/USD",
                    "base": "BTC",
                    "quote": "USD",
                    "status": "online",
                    "qty_precision": 8,
                    "qty_increment": 1e-08,
                    "price_precision": 1,
                    "price_increment": 0.1,
                    "cost_precision": 5,
                    "cost_min": "0.5",
                    "qty_min": 0.0001,
                }
            ],
        },
    },
    {"channel": "heartbeat"},
    {"channel": "status", "type": "update", "data": [{"system": "online"}]},
    {"method": "subscribe", "success": False, "error": "no such symbol"},
    {"event": "systemStatus", "status": "online"},
    {
        "error": [],
        "result": {
            "XXBTZUSD": {
                "altname": "XBTUSD",
                "wsname": "XBT/USD",
                "base": "XXBT",
                "quote": "ZUSD",
                "pair_decimals": 1,
                "lot_decimals": 8,
                "ordermin": "0.0001",
                "tick_size": "0.1",
            }
        },
    },
    [0, [["5541.20000", "0.15850568", "1534614057.321597", "s", "l", ""]], "trade", "XBT/USD"],
    [
        0,
        {
            "a": ["5525.4", 1, "1.5"],
            "b": ["5525.1", 1, "2.5"],
            "c": ["5525.2", "0.5"],
            "v": ["1.5", "3.5"],
            "l": ["5.5", "4.5"],
            "h": ["6.5", "7.5"],
        },
        "ticker",
        "XBT/USD",
    ],
    [0, ["5698.4", "5700.0", "1542057299.545897", "1.01234567", "0.98765432"], "spread", "XBT/USD"],
    [
        42,
        [
            "1542057314.748456",
            "1542057360.435743",
            "3586.7",
            "3586.7",
            "3586.6",
            "3586.6",
            "3586.68",
            "0.03373",
            2,
        ],
        "ohlc-5",
        "XBT/USD",
    ],
)
OKX: tuple[Any, ...] = (
    {
        "arg": {"channel": "trades", "instId": "BTC-USDT"},
        "data": [
            {
                "instId": "BTC-USDT",
                "tradeId": "130639474",
                "px": "42219.9",
                "sz": "0.12060306",
                "side": "buy",
                "ts": "1630048897897",
            }
        ],
    },
    {
        "arg": {"channel": "tickers", "instId": "LTC-USDT"},
        "data": [
            {
                "instType": "SPOT",
                "instId": "LTC-USDT",
                "last": "9999.99",
                "lastSz": "0.1",
                "askPx": "",
                "askSz": "11",
                "bidPx": "8888.88",
                "bidSz": "5",
                "open24h": "9000",
                "high24h": "10000",
                "low24h": "8888.88",
                "vol24h": "2222",
                "ts": "1597026383085",
            }
        ],
    },
    {
        "arg": {"channel": "candle1D", "instId": "BTC-USDT"},
        "data": [
            [
                "1597026383085",
                "8533.02",
                "8553.74",
                "8527.17",
                "8548.26",
                "45247",
                "529.5",
                "4529.5",
                "1",
            ]
        ],
    },
    {
        "arg": {"channel": "instruments", "instType": "SPOT"},
        "data": [
            {
                "instType": "SPOT",
                "instId": "BTC-USDT",
                "baseCcy": "BTC",
                "quoteCcy": "USDT",
                "ctVal": "",
                "ctMult": "",
                "ctValCcy": "",
                "settleCcy": "",
                "tickSz": "0.1",
                "lotSz": "0.00000001",
                "minSz": "0.00001",
                "state": "live",
                "expTime": "",
                "uly": "",
            }
        ],
    },
    {"code": "0", "msg": "", "data": [{"asks": [["1", "2", "0", "1"]], "bids": [], "ts": "1"}]},
    {"event": "subscribe", "arg": {"channel": "books", "instId": "BTC-USDT"}, "connId": "a4d3ae55"},
    {"event": "error", "code": "60012", "msg": "invalid request"},
)
COINBASE: tuple[Any, ...] = (
    {
        "channel": "market_trades",
        "timestamp": "2023-02-09T20:19:35Z",
        "sequence_num": 0,
        "events": [
            {
                "type": "update",
                "trades": [
                    {
                        "trade_id": "12345",
                        "product_id": "ETH-USD",
                        "price": "1260.01",
                        "size": "0.3",
                        "side": "BUY",
                        "time": "2019-08-14T20:42:27.265Z",
                    }
                ],
            }
        ],
    },
    {
        "channel": "ticker",
        "timestamp": "2023-02-09T20:30:37.167359Z",
        "sequence_num": 1,
        "events": [
            {
                "type": "snapshot",
                "tickers": [
                    {
                        "type": "ticker",
                        "product_id": "BTC-USD",
                        "price": "21932.98",
                        "volume_24_h": "16038.28770938",
                        "low_24_h": "21835.29",
                        "high_24_h": "23011.18",
                        "best_bid": "21931.98",
                        "best_bid_quantity": "8000",
                        "best_ask": "",
                        "best_ask_quantity": "1",
                    }
                ],
            }
        ],
    },
    {
        "channel": "candles",
        "timestamp": "2023-06-09T20:19:35Z",
        "sequence_num": 2,
        "events": [
            {
                "type": "snapshot",
                "candles": [
                    {
                        "start": "1688998200",
                        "high": "1867.7",
                        "low": "1865.6",
                        "open": "1867.3",
                        "close": "1866.8",
                        "volume": "0.20269406",
                        "product_id": "ETH-USD",
                    }
                ],
            }
        ],
    },
    {
        "channel": "heartbeats",
        "sequence_num": 3,
        "events": [{"current_time": "x", "heartbeat_counter": 3}],
    },
    {
        "type": "l2update",
        "product_id": "BTC-USD",
        "changes": [["buy", "22356.27", "0.0000"], ["sell", "22356.30", "1.0"]],
        "time": "2022-08-04T15:25:05.010758Z",
    },
    {
        "type": "snapshot",
        "product_id": "BTC-USD",
        "bids": [["10101.10", "0.45"]],
        "asks": [["10102.55", "0.5"]],
    },
    {
        "type": "ticker",
        "sequence": 3,
        "product_id": "ETH-USD",
        "price": "1285.22",
        "open_24h": "1310.79",
        "volume_24h": "245532.79",
        "low_24h": "1280.52",
        "high_24h": "1313.8",
        "best_bid": "1285.04",
        "best_bid_size": "0.46",
        "best_ask": "1285.27",
        "best_ask_size": "1.5",
        "side": "buy",
        "time": "2022-10-19T23:28:22.061769Z",
        "trade_id": 37,
        "last_size": "11.4",
    },
    {
        "type": "match",
        "trade_id": 10,
        "maker_order_id": "ac928c66",
        "taker_order_id": "132fb6ae",
        "size": "5.23512",
        "price": "400.23",
        "side": "sell",
        "product_id": "BTC-USD",
        "sequence": 10,
        "time": "2014-11-07T08:19:27.028459Z",
        "order_id": "d50ec984",
    },
    {
        "type": "open",
        "price": "200.2",
        "remaining_size": "1.00",
        "side": "sell",
        "product_id": "BTC-USD",
        "sequence": 10,
        "time": "2014-11-07T08:19:27.028459Z",
        "order_id": "d50ec984",
    },
    {
        "type": "done",
        "price": "200.2",
        "reason": "filled",
        "side": "sell",
        "remaining_size": "0",
        "product_id": "BTC-USD",
        "sequence": 10,
        "time": "2014-11-07T08:19:27.028459Z",
        "order_id": "d50ec984",
    },
    {
        "type": "received",
        "size": "1.34",
        "price": "502.1",
        "side": "buy",
        "order_type": "limit",
        "product_id": "BTC-USD",
        "sequence": 10,
        "time": "2014-11-07T08:19:27.028459Z",
        "order_id": "d50ec984",
    },
    {
        "type": "change",
        "old_size": "12.2",
        "new_size": "5.2",
        "price": "400.23",
        "side": "sell",
        "product_id": "BTC-USD",
        "sequence": 10,
        "time": "2014-11-07T08:19:27.028459Z",
        "order_id": "d50ec984",
    },
    {"type": "error", "message": "Failed to subscribe", "reason": "no such product"},
    {
        "type": "status",
        "products": [
            {
                "id": "BTC-USD",
                "base_currency": "BTC",
                "quote_currency": "USD",
                "base_increment": "0.00000001",
                "quote_increment": "0.01",
                "status": "online",
            }
        ],
        "currencies": [],
    },
    [
        {
            "id": "BTC-USD",
            "base_currency": "BTC",
            "quote_currency": "USD",
            "base_increment": "0.00000001",
            "quote_increment": "0.01",
            "status": "online",
        }
    ],
)
